// The server is told by the switch, and tells the page: EventSource comes back by itself.
const byId = id => document.getElementById(id);
const calls = new Map();
const source = new EventSource("calls");
let over = 0;

function say(state, text) {
  byId("state").dataset.state = state;
  if (byId("state-text").textContent !== text) byId("state-text").textContent = text;
}

function count() {
  const states = [...calls.values()].map(call => call.item.dataset.state);
  for (const state of ["ringing", "talking"]) byId(state).textContent = states.filter(each => each === state).length;
  byId("over").textContent = over;
}

function time() {
  for (const { item, since } of calls.values()) {
    const seconds = Math.max(0, Math.round(Date.now() / 1000 - since));
    item.querySelector(".what").textContent =
      `${item.dataset.state} for ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

async function command(path, fields) {
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields) }).catch(() => null);
  const error = answer?.ok ? "" : (await answer?.json().catch(() => null))?.error;
  byId("said").textContent = error ?? `The ${answer ? "switch" : "server"} cannot be reached.`;
}

function show({ key, caller, callee, state, since }) {
  let call = calls.get(key);
  if (!call) {
    const item = byId("call").content.cloneNode(true).firstElementChild;
    item.querySelector(".who").textContent = `${caller} → ${callee}`;
    item.querySelector("button").setAttribute("aria-label", `Hang up ${caller} and ${callee}`);
    item.querySelector("button").addEventListener("click", () => command("hang-up", { key }));
    byId("calls").prepend(item);
    calls.set(key, call = { item });
  }
  call.since = since;
  call.item.dataset.state = state;
  time();
  count();
}

source.addEventListener("open", () => say("wait", "Connected to the server"));
source.addEventListener("error", () => say("off", "The server does not answer."));
source.addEventListener("whole", ({ data }) => {
  const whole = JSON.parse(data);
  calls.clear();
  byId("calls").replaceChildren();
  whole.calls.forEach(show);
  count();
  if (whole.connected) say("on", "The switch is there.");
  else say("wait", "The switch is away; the server tries again.");
});
source.addEventListener("call", ({ data }) => show(JSON.parse(data)));
source.addEventListener("over", ({ data }) => {
  const { key, cause } = JSON.parse(data);
  const call = calls.get(key);
  if (!call) return;
  calls.delete(key);
  over += 1;
  call.item.dataset.state = "over";
  call.item.querySelector(".what").textContent = `over: ${cause.toLowerCase().replaceAll("_", " ")}`;
  count();
  setTimeout(() => call.item.remove(), 3000);
});
byId("form").addEventListener("submit", event => {
  event.preventDefault();
  command("call", new FormData(byId("form")));
});
setInterval(time, 1000);
