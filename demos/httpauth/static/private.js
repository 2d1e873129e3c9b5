// Without this the answer is a page of its own.
const form = document.getElementById("ask");
const answer = document.getElementById("answer");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  answer.textContent = "…";
  try {
    const response = await fetch(form.action);
    answer.textContent = response.ok
      ? JSON.stringify(await response.json())
      : `The server says ${response.status}.`;
  } catch {
    answer.textContent = "The server cannot be reached.";
  }
});
