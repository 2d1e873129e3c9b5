// XMLHttpRequest it is: fetch() does not tell how much has been sent.
const byId = id => document.getElementById(id);
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const AWAY = "The server does not answer.";
let shown = "", largest = Infinity, highest = 0, under_way = 0, looking = 0;

function size(bytes) {
  for (const unit of ["bytes", "KiB", "MiB"]) {
    if (bytes < 1024) return `${number.format(bytes)} ${unit}`;
    bytes /= 1024;
  }
  return `${number.format(bytes)} GiB`;
}

function say(text, bad = false) {
  byId("state").textContent = text;
  byId("state").classList.toggle("bad", bad);
}

function copy(template) {
  return byId(template).content.cloneNode(true).firstElementChild;
}

function stored({ key, name, size: bytes, sha256 }) {
  const item = copy("stored");
  const link = item.querySelector("a");
  link.textContent = name;
  link.href = `files/${key}`;
  item.querySelector(".size").textContent = size(bytes);
  item.querySelector(".digest").textContent = `SHA-256 ${sha256}`;
  const button = item.querySelector("button");
  button.setAttribute("aria-label", `Delete ${name}`);
  button.addEventListener("click", async () => {
    const answer = await fetch(`files/${key}`, { method: "DELETE" }).catch(() => null);
    if (answer?.ok) say(`${name} is deleted.`);
    else say(answer ? `${name} was deleted by somebody else.` : AWAY, true);
    byId("drop").focus();
    look().catch(() => {});
  });
  return item;
}

async function look() {
  const answer = await (await fetch("files")).json();
  largest = answer.largest;
  highest = Math.max(highest, answer.memory);
  const keys = answer.files.map(file => file.key).join();
  if (keys !== shown) byId("files").replaceChildren(...answer.files.map(stored));
  shown = keys;
  byId("none").hidden = answer.files.length > 0;
  byId("room").textContent = size(largest);
  if (!answer.memory) return;
  byId("memory").textContent = size(answer.memory);
  byId("highest").textContent = size(highest);
}

function watch() {
  byId("under-way").hidden = !under_way;
  clearTimeout(looking);
  if (under_way) looking = setTimeout(() => look().catch(() => {}).finally(watch), 500);
}

function send(file, name) {
  if (file.size > largest) { say(`${name} is too large: there is room for ${size(largest)}.`, true); return; }
  const item = copy("upload"), request = new XMLHttpRequest(), begun = performance.now();
  const bar = item.querySelector("progress"), numbers = item.querySelector(".numbers");
  item.querySelector(".name").textContent = name;
  bar.setAttribute("aria-label", `Progress of ${name}`);
  item.querySelector("button").setAttribute("aria-label", `Cancel ${name}`);
  item.querySelector("button").addEventListener("click", () => request.abort());
  byId("uploads").append(item);
  under_way += 1;
  watch();
  const over = (text, bad) => {
    item.remove();
    under_way -= 1;
    say(text, bad);
    look().catch(() => {}).finally(watch);
  };
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    const seconds = (performance.now() - begun) / 1000;
    bar.value = total ? loaded / total : 1;
    numbers.textContent = `${size(loaded)} of ${size(total)}, ${size(loaded / seconds)}/s`;
  });
  request.addEventListener("load", () => {
    const seconds = number.format((performance.now() - begun) / 1000);
    if (request.status === 201) over(`${name} is there: ${size(file.size)} in ${seconds} s.`);
    else over(`${name} was refused: ${request.response?.error ?? request.status}.`, true);
  });
  request.addEventListener("error", () => over(`${name} did not get there.`, true));
  request.addEventListener("abort", () => over(`${name} is cancelled.`));
  request.responseType = "json";
  request.open("PUT", `upload/${encodeURIComponent(name)}`);
  request.send(file);
}

byId("file").addEventListener("change", () => {
  for (const file of byId("file").files) send(file, file.name);
  byId("file").value = "";
});
byId("zeros").addEventListener("click", () => {
  const part = new Uint8Array(1048576);
  send(new Blob(Array(256).fill(part)), "zeros");
});
byId("drop").addEventListener("submit", event => event.preventDefault());
for (const name of ["dragover", "dragleave", "drop"]) {
  byId("drop").addEventListener(name, event => {
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") for (const file of event.dataTransfer.files) send(file, file.name);
  });
}
await look().catch(() => say(AWAY, true));
