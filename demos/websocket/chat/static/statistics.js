import { Socket } from "./socket.js";

const $ = (id) => document.getElementById(id);
const number = new Intl.NumberFormat();
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const SVG = "http://www.w3.org/2000/svg";

function cell(text) {
  const made = document.createElement("td");
  made.textContent = text;
  return made;
}

function chart(counts) {
  const highest = Math.max(1, ...counts);
  const width = 240 / counts.length;
  const bars = counts.map((count, index) => {
    const bar = document.createElementNS(SVG, "rect");
    const height = (count / highest) * 58;
    bar.setAttribute("x", index * width);
    bar.setAttribute("y", 60 - Math.max(height, 0.6));
    bar.setAttribute("width", width * 0.8);
    bar.setAttribute("height", Math.max(height, 0.6));
    return bar;
  });
  $("chart").replaceChildren(...bars);
  $("chart").setAttribute("aria-label", `Messages each second; at most ${highest}`);
}

function show(figures) {
  if (figures.type !== "figures") return;
  $("people-count").textContent = number.format(figures.people.length);
  $("minute").textContent = number.format(figures.minute);
  $("total").textContent = number.format(figures.total);
  $("processes").textContent = number.format(figures.processes.length);
  chart(figures.counts);
  $("people").replaceChildren(...figures.people.map((one) => {
    const row = document.createElement("tr");
    row.append(cell(one.name), cell(figures.rooms[one.room] ?? one.room), cell(clock.format(one.since * 1000)));
    return row;
  }));
  $("channels").replaceChildren(...Object.entries(figures.channels).map(([name, value]) => {
    const pair = document.createElement("div");
    const term = document.createElement("dt");
    const figure = document.createElement("dd");
    term.textContent = name;
    figure.textContent = number.format(value);
    pair.append(term, figure);
    return pair;
  }));
}

new Socket(() => "/socket/statistics", show);
