const button = document.getElementById("ask");
const answer = document.getElementById("answer");

button.addEventListener("click", async () => {
  answer.textContent = "…";
  try {
    const response = await fetch(button.dataset.url);
    answer.textContent = response.ok
      ? JSON.stringify(await response.json())
      : `The server says ${response.status}.`;
  } catch {
    answer.textContent = "The server cannot be reached.";
  }
});
