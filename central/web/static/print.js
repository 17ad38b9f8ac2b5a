"use strict";
// The print view: its button needs JavaScript, so it appears only where there is some.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
