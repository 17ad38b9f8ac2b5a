"use strict";
// A past round step by step: the slider takes arrow keys by itself, play goes on by one step a second.
for (const replay of document.querySelectorAll("[data-replay]")) {
  const bar = replay.querySelector("[data-replay-bar]"), slider = bar.querySelector("input"), says = bar.querySelector("output"), play = bar.querySelector("[data-replay-play]");
  const marks = [...replay.querySelectorAll("[data-first]")], rows = [...replay.querySelectorAll("[data-step]")];
  const STEP_MS = 1000;
  let timer = 0;

  function show() {
    const step = Number(slider.value);
    for (const mark of marks) {
      if (Number(mark.dataset.first) <= step && step < Number(mark.dataset.until ?? Infinity)) mark.removeAttribute("display");
      else mark.setAttribute("display", "none");
    }
    for (const row of rows) row.classList.toggle("now", Number(row.dataset.step) === step);
    const row = rows[step - 1], words = row ? [...row.cells].slice(1, 4).map((cell) => cell.textContent.trim()).join(" ") : "—";
    says.textContent = words;
    slider.setAttribute("aria-valuetext", words);
  }

  function stop() { clearInterval(timer); timer = 0; play.textContent = bar.dataset.play; }
  play.addEventListener("click", () => {
    if (timer) { stop(); return; }
    if (slider.value === slider.max) slider.value = "0";
    show();
    play.textContent = bar.dataset.stop;
    timer = setInterval(() => { slider.value = String(Number(slider.value) + 1); show(); if (slider.value === slider.max) stop(); }, STEP_MS);
  });
  slider.addEventListener("input", () => { stop(); show(); });
  for (const row of rows) row.addEventListener("click", () => { stop(); slider.value = row.dataset.step; show(); });
  replay.querySelector("[data-replay-links]").hidden = true;
  bar.hidden = false;
  show();
}
