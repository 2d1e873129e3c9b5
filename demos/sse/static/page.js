// The browser does most by itself: EventSource connects, comes back, and says what it saw last.
const client = crypto.randomUUID?.() ?? String(Math.random()).slice(2);
const byId = id => document.getElementById(id);
const fruit = new Map();
const money = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });
const KEPT = 40, LOGGED = 8;
let source = null, events = 0, opened = 0, missed = 0, replaying = 0;

function say(state, text) {
  byId("state").dataset.state = state;
  if (byId("state-text").textContent !== text) byId("state-text").textContent = text;
}

function card(name) {
  if (fruit.has(name)) return fruit.get(name);
  const item = byId("fruit").content.cloneNode(true).firstElementChild;
  item.querySelector("h3").textContent = name;
  byId("prices").append(item);
  const found = { item, past: [] };
  fruit.set(name, found);
  return found;
}

function show(name, price) {
  const { item, past } = card(name);
  const before = past.at(-1);
  past.push(price);
  if (past.length > KEPT) past.shift();
  const value = item.querySelector("data");
  value.value = price;
  value.textContent = money.format(price);
  const change = item.querySelector(".change");
  const cents = before === undefined ? 0 : Math.round((price - before) * 100);
  change.textContent = cents ? `${cents > 0 ? "▲ up" : "▼ down"} ${Math.abs(cents)} ct` : "steady";
  change.dataset.way = Math.sign(cents);
  const low = Math.min(...past), span = Math.max(...past) - low || 1;
  const points = past.map((each, i) =>
    `${(i * 120 / (KEPT - 1)).toFixed(1)},${(29 - (each - low) / span * 26).toFixed(1)}`);
  item.querySelector("polyline").setAttribute("points", points.join(" "));
}

function note(text, old) {
  const line = document.createElement("li");
  line.textContent = text;
  if (old) line.dataset.missed = "";
  byId("log").prepend(line);
  while (byId("log").children.length > LOGGED) byId("log").lastChild.remove();
}

function facts(id) {
  byId("count").textContent = events;
  byId("opened").textContent = opened;
  byId("missed").textContent = missed;
  if (id) byId("last").textContent = id;
}

function start() {
  say("wait", "Connecting …");
  source = new EventSource(`prices?client=${client}`);
  source.addEventListener("open", () => { opened += 1; say("on", "Connected"); facts(); });
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) { say("off", "Refused by the server"); ended(); }
    else say("wait", "Connection lost, coming back …");
  });
  source.addEventListener("hello", ({ data }) => {
    const hello = JSON.parse(data);
    replaying = hello.missed;
    missed += hello.missed;
    if (!fruit.size) for (const [name, price] of Object.entries(hello.prices)) show(name, price);
    note(hello.since ? `Back again: ${hello.missed} events to make up for` : "Hello");
    facts();
  });
  source.addEventListener("price", ({ data, lastEventId }) => {
    const { name, price } = JSON.parse(data);
    events += 1;
    show(name, price);
    note(`${lastEventId}  ${name} ${money.format(price)}`, replaying > 0);
    if (replaying > 0) replaying -= 1;
    facts(lastEventId);
  });
  byId("toggle").textContent = "Stop";
  byId("cut").disabled = false;
}

function ended() {
  source.close();
  source = null;
  byId("toggle").textContent = "Start";
  byId("cut").disabled = true;
}

byId("toggle").addEventListener("click", () => {
  if (source) { ended(); say("off", "Stopped"); } else start();
});
byId("cut").addEventListener("click", () =>
  fetch("cut", { method: "POST", body: new URLSearchParams({ client }) }).catch(() => {}));
start();
