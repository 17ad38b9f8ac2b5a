"use strict";
// Ticks every box of a list at once, or none when all are ticked. The boxes can be ticked one by one without it.
for (const button of document.querySelectorAll("[data-choose]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const boxes = [...document.querySelectorAll(`input[type=checkbox][name="${CSS.escape(button.dataset.choose)}"]`)];
    const all = boxes.every((box) => box.checked);
    boxes.forEach((box) => { box.checked = !all; });
  });
}
