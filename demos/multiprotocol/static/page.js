const byId = id => document.getElementById(id);
const form = byId("form");
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const source = new EventSource(form.dataset.live);

function show({ text, name, by, time }) {
  const item = byId("notice").content.cloneNode(true).firstElementChild;
  item.querySelector(".text").textContent = text;
  item.querySelector(".name").textContent = name;
  item.querySelector(".by").textContent = by;
  const when = new Date(time * 1000);
  item.querySelector("time").dateTime = when.toISOString();
  item.querySelector("time").textContent = clock.format(when);
  byId("board").prepend(item);
  while (byId("board").children.length > 50) byId("board").lastChild.remove();
}

source.addEventListener("all", ({ data }) => {
  byId("board").replaceChildren();
  JSON.parse(data).notices.forEach(show);
  byId("state").textContent = "";
});
source.addEventListener("notice", ({ data }) => show(JSON.parse(data)));
source.addEventListener("error", () => { byId("state").textContent = "The server does not answer."; });
form.addEventListener("submit", async event => {
  event.preventDefault();
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) })
    .catch(() => null);
  const error = answer?.status === 204 ? "" : (await answer?.json().catch(() => null))?.error;
  byId("state").textContent = answer?.status === 204 ? "" : error ?? "The server does not answer.";
  if (answer?.status === 204) byId("text").value = "";
});
