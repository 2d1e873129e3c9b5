"""What can be said of a page's looks by measuring: JavaScript that lists what is wrong."""

from __future__ import annotations

__all__ = ["FAINT", "SQUEEZED"]

#: The contrast (WCAG 2) of each text on the page with what is behind it, where it is too low.
FAINT = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const numbers = colour => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = colour => numbers(colour).slice(0, 3).map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const dark = matchMedia("(prefers-color-scheme: dark)").matches;
    const behind = element => {
        if (!element) return dark ? "#121212" : "#fff";  // the browser's own page
        const colour = getComputedStyle(element).backgroundColor;
        return numbers(colour)[3] ? colour : behind(element.parentElement);
    };
    const says = element => [...element.childNodes].some(n => n.nodeType == 3 && n.data.trim())
        && element.checkVisibility() && !element.disabled;
    return [...document.body.querySelectorAll(":not(template, noscript, [aria-hidden])")]
        .filter(says).map(element => {
            const [low, high] = [light(getComputedStyle(element).color), light(behind(element))]
                .sort((a, b) => a - b);
            return [element.outerHTML.slice(0, 80), (high + 0.05) / (low + 0.05)];
        }).filter(([_, contrast]) => contrast < 4.5);
}"""

#: Texts in columns so narrow that their words are broken into letters.
SQUEEZED = """() => [...document.body.querySelectorAll(":not(.hidden)")]
    .filter(element => [...element.childNodes].some(n => n.data && n.data.trim().length > 9))
    .filter(element => element.checkVisibility() && element.getClientRects().length == 1)
    .map(element => [element.outerHTML.slice(0, 80), element.getBoundingClientRect()])
    .filter(([_, { width, height }]) => width > 1 && height > 4 * width)
    .map(([text]) => text)"""
