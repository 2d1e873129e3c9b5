// The server fetches and tells; this page only says which of its list.
const byId = id => document.getElementById(id);
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const items = new Map();
let source = null, begun = 0, waited = 0;

function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1048576 ? `${number.format(bytes / 1024)} KiB` : `${number.format(bytes / 1048576)} MiB`;
}

const time = seconds => seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${number.format(seconds)} s`;

function add({ url, about }, key) {
  const item = byId("target").content.cloneNode(true).firstElementChild;
  item.querySelector("input").value = key;
  item.querySelector("input").checked = true;
  item.querySelector(".name").textContent = about ? new URL(url).pathname.slice(1) : url;
  item.querySelector(".about").textContent = about;
  item.querySelector("progress").setAttribute("aria-label", `Progress of ${url}`);
  byId("targets").append(item);
  items.set(String(key), item);
}

function outcome(key, text, kind = "") {
  items.get(key).dataset.outcome = kind;
  items.get(key).querySelector(".outcome").textContent = text;
}

function progress(key, value) {
  const bar = items.get(key).querySelector("progress");
  if (value === null) bar.removeAttribute("value");
  else bar.value = value;
}

function stop(text) {
  source?.close();
  source = null;
  byId("state").textContent = text;
  byId("go").textContent = "Fetch";
}

function give_up() {
  for (const [key, item] of items) {
    if (item.dataset.outcome !== "busy") continue;
    progress(key, 0);
    outcome(key, "given up");
  }
}

function fetch_them(chosen) {
  waited = 0;
  begun = performance.now();
  for (const key of items.keys()) { outcome(key, chosen.includes(key) ? "waits" : "not chosen"); progress(key, 0); }
  source = new EventSource(`fetch?${new URLSearchParams(chosen.map(key => ["target", key]))}`);
  byId("state").textContent = `Fetching ${chosen.length} …`;
  byId("go").textContent = "Stop";
  const on = (name, act) => source.addEventListener(name, ({ data }) => act(JSON.parse(data)));
  on("start", ({ target }) => { outcome(target, "asked", "busy"); progress(target, null); });
  on("moved", ({ target, url }) => outcome(target, `moved to ${new URL(url).pathname}`, "busy"));
  on("progress", ({ target, bytes, length }) => {
    outcome(target, length ? `${size(bytes)} of ${size(length)}` : size(bytes), "busy");
    progress(target, length ? bytes / length : null);
  });
  on("done", ({ target, code, reason, bytes, seconds }) => {
    waited += seconds;
    progress(target, 1);
    outcome(target, `${code} ${reason}, ${size(bytes)} in ${time(seconds)}`, code < 400 ? "done" : "failed");
  });
  on("failed", ({ target, reason, seconds }) => {
    waited += seconds;
    progress(target, 0);
    outcome(target, `${reason} (after ${time(seconds)})`, "failed");
  });
  on("end", ({ fetched }) => {
    const took = (performance.now() - begun) / 1000;
    stop(`${fetched} fetched in ${time(took)}; one after the other it would have been ${time(waited)}.`);
  });
  // It would come back by itself, and begin anew.
  source.addEventListener("error", () => { stop("The server does not answer."); give_up(); });
}

byId("form").addEventListener("submit", event => {
  event.preventDefault();
  if (source) { stop("Stopped."); give_up(); return; }
  const chosen = new FormData(byId("form")).getAll("target");
  if (chosen.length) fetch_them(chosen);
  else byId("state").textContent = "Choose at least one.";
});
byId("all").addEventListener("click", () => {
  const boxes = [...document.querySelectorAll("[name=target]")], all = boxes.every(box => box.checked);
  for (const box of boxes) box.checked = !all;
});
for (const [key, target] of (await (await fetch("targets")).json()).entries()) add(target, key);
