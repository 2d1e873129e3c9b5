// One request is always waiting at the server; its answer is what has been said meanwhile.
const byId = id => document.getElementById(id);
const list = byId("messages"), form = byId("say");
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const pause = seconds => new Promise(done => setTimeout(done, seconds * 1000));
const KEPT = 300;
let cursor = "";
let leaving = null;

const say = text => { if (byId("state").textContent !== text) byId("state").textContent = text; };

function colour(name) {
  let hue = 0;
  for (const letter of name) hue = (hue * 31 + letter.codePointAt(0)) % 360;
  return `${hue}deg`;
}

function show(message) {
  const follow = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const item = document.createElement("li");
  const head = document.createElement("p");
  const name = document.createElement("b");
  const when = document.createElement("time");
  const text = document.createElement("p");
  name.textContent = message.name;
  name.style.setProperty("--hue", colour(message.name));
  when.dateTime = new Date(message.time * 1000).toISOString();
  when.textContent = time.format(message.time * 1000);
  text.textContent = message.text;
  head.append(name, " ", when);
  item.append(head, text);
  if (message.name === byId("name").value.trim()) item.className = "mine";
  list.append(item);
  while (list.children.length > KEPT) list.firstChild.remove();
  if (follow) list.scrollTop = list.scrollHeight;
}

async function ask() {
  leaving = new AbortController();
  const answer = await fetch(`messages?${new URLSearchParams({ cursor })}`, { signal: leaving.signal });
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  const said = await answer.json();
  cursor = said.cursor;
  said.messages.forEach(show);
  byId("empty").hidden = list.children.length > 0;
  say("Connected");
}

async function listen() {
  for (let wait = 1; ; ) {
    try {
      await ask();
      wait = 1;
    } catch (error) {
      if (error.name === "AbortError") return;
      say(`No connection, next attempt in ${wait} s`);
      await pause(wait);
      wait = Math.min(2 * wait, 30);
    }
  }
}

form.addEventListener("submit", async event => {
  event.preventDefault();
  const text = byId("text").value;
  byId("problem").textContent = "";
  try { localStorage.setItem("name", byId("name").value); } catch { /* not allowed here */ }
  byId("text").value = "";
  try {
    const body = new URLSearchParams({ name: byId("name").value, text });
    const answer = await fetch("messages", { method: "POST", body });
    if (!answer.ok) throw new Error(answer.status === 400 ? "That cannot be sent" : answer.status);
  } catch (error) {
    byId("problem").textContent = `Not sent: ${error.message}`;
    byId("text").value ||= text;
  }
  byId("text").focus();
});

try { byId("name").value = localStorage.getItem("name") ?? ""; } catch { /* not allowed here */ }
form.hidden = false;
say("Connecting …");
addEventListener("pagehide", () => leaving?.abort());
addEventListener("pageshow", event => { if (event.persisted) listen(); });
listen();
