import { Socket } from "./socket.js";

const MOST = 500; // messages that the page keeps
const $ = (id) => document.getElementById(id);
const messages = $("messages");
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

let name = "";
let room = "";
let socket = null;
let keys = new Set();

function enter(which) {
  socket?.close();
  room = which;
  keys = new Set();
  messages.replaceChildren();
  $("people").replaceChildren();
  $("refused").textContent = "";
  for (const button of document.querySelectorAll("[data-room]")) {
    const here = button.dataset.room === room;
    button.setAttribute("aria-pressed", String(here));
    if (here) $("title").textContent = button.textContent;
  }
  const query = new URLSearchParams({ name, room });
  socket = new Socket(() => `/socket/chat?${query}`, heard);
  $("enter").hidden = true;
  $("room").hidden = false;
  $("text").focus();
}

function heard(what) {
  if (what.type === "message") showMessage(what);
  else if (what.type === "people") showPeople(what.names);
  else if (what.type === "refused") refused(what);
  else if (what.type === "status" && what.state === "open" && what.lost) showNote("Messages may have been lost here.");
  else if (what.type === "closed") leave(what.text);
}

function leave(why) {
  $("room").hidden = true;
  $("enter").hidden = false;
  $("name").setCustomValidity(why);
  $("name").reportValidity();
}

function append(item) {
  const atEnd = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 60;
  messages.append(item);
  while (messages.children.length > MOST) {
    keys.delete(messages.firstElementChild.dataset.key);
    messages.firstElementChild.remove();
  }
  if (atEnd) messages.scrollTop = messages.scrollHeight;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function showMessage({ key, name: who, text, time }) {
  if (keys.has(key)) return; // the server remembers what the page has, too
  keys.add(key);
  const item = element("li", who === name ? "own" : "", "");
  item.dataset.key = key;
  const when = element("time", "", clock.format(time * 1000));
  when.dateTime = new Date(time * 1000).toISOString();
  item.append(element("b", "", who), " ", when, element("p", "", text));
  append(item);
}

function showNote(text) {
  append(element("li", "note", text));
}

function showPeople(names) {
  $("people").replaceChildren(...names.map((one) => element("li", "", one)));
}

function refused({ text, said }) {
  $("refused").textContent = text;
  if (said && !$("text").value) $("text").value = said;
}

$("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  name = form.get("name").trim();
  if (name) enter(form.get("room"));
});
$("name").addEventListener("input", () => $("name").setCustomValidity(""));

document.querySelector(".tabs").addEventListener("click", (event) => {
  const which = event.target.dataset.room;
  if (which && which !== room) enter(which);
});

$("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  $("refused").textContent = "";
  if (socket.send({ say: text })) $("text").value = "";
  else refused({ text: "There is no connection. It was not sent." });
});
