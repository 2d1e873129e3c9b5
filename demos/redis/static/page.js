const $ = (id) => document.getElementById(id);
const SHOWN = 200; // characters of a value
const path = (name) => `/keys/${encodeURIComponent(name)}`;

async function ask(where, options) {
  const notice = $("notice");
  try {
    const response = await fetch(where, options);
    notice.hidden = response.ok;
    if (!response.ok) notice.textContent = response.status === 503 ? "The Redis server is away. Try again in a moment." : `${response.status}: ${(await response.json()).error}`;
    return response.ok ? response : null;
  } catch {
    notice.hidden = false;
    notice.textContent = "There is no connection.";
    return null;
  }
}

let again = 0;

async function show() {
  clearTimeout(again);
  const response = await ask("/keys");
  if (!response) {
    again = setTimeout(show, 2000); // until the server is back
    return;
  }
  const { keys } = await response.json();
  const rows = await Promise.all(keys.map(async (name) => {
    const value = await fetch(path(name));
    const row = document.createElement("tr");
    const cells = [name, value.ok ? await value.text() : ""].map((text) => {
      const cell = document.createElement("td");
      cell.textContent = text.length > SHOWN ? `${text.slice(0, SHOWN)} …` : text;
      return cell;
    });
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Delete";
    button.setAttribute("aria-label", `Delete ${name}`);
    button.addEventListener("click", async () => { await ask(path(name), { method: "DELETE" }); show(); });
    const last = document.createElement("td");
    last.append(button);
    row.append(...cells, last);
    return row;
  }));
  $("keys").replaceChildren(...rows);
}

$("key").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  if (await ask(path(form.get("name")), { method: "PUT", body: form.get("value") })) event.target.reset();
  show();
});

$("message").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("text");
  if (await ask("/channels/today", { method: "POST", body: text })) event.target.reset();
});

function listen() {
  const url = new URL("/listen/today", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.addEventListener("open", show); // the server may have been away, and have other keys
  socket.addEventListener("message", (event) => {
    const item = document.createElement("li");
    item.textContent = event.data;
    $("messages").prepend(item);
    while ($("messages").children.length > 100) $("messages").lastElementChild.remove();
  });
  socket.addEventListener("close", () => setTimeout(listen, 1000));
}

listen();
