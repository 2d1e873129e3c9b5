const list = document.querySelector("ol");
const source = new EventSource(list.dataset.live);

source.addEventListener("message", event => {
  const note = JSON.parse(event.data);
  const item = document.createElement("li");
  item.textContent = `${note.text} (${note.author})`;
  list.prepend(item);
});
