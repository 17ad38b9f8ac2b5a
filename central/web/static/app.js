"use strict";
// Small helps for every page. Each page works without them.
(() => {
  const typing = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;

  // "/" goes to the search field, Escape leaves it. Off with data-shortcuts="off" on <body> (WCAG 2.1.4).
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target.matches?.("[data-shortcut]")) event.target.blur();
    if (event.key === "Escape") document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; });
    if (document.body.dataset.shortcuts === "off" || typing(event.target)) return;
    const fields = document.querySelectorAll(`main [data-shortcut="${CSS.escape(event.key)}"], [data-shortcut="${CSS.escape(event.key)}"]`);
    const field = document.querySelector(`main [data-shortcut="${CSS.escape(event.key)}"]`) ?? fields[0];
    if (field) { event.preventDefault(); field.focus(); field.select?.(); }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
  });

  document.addEventListener("click", async (event) => {
    // Dialogs: browsers that know command= do this by themselves.
    const opener = event.target.closest("button[commandfor]");
    if (opener && !("command" in HTMLButtonElement.prototype)) {
      const dialog = document.getElementById(opener.getAttribute("commandfor"));
      if (opener.getAttribute("command") === "close") dialog.close(); else dialog.showModal();
    }
    // Copy a value that stands on the page.
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent.trim());
      copy.textContent = copy.dataset.done;
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  // Sections of the menu stay as this tab's user has folded them; that of the page itself is open.
  for (const section of document.querySelectorAll(".side details")) {
    if (sessionStorage.getItem(section.id) === "open") section.open = true;
    section.querySelector("summary").addEventListener("click", () => sessionStorage.setItem(section.id, section.open ? "folded" : "open"));
  }

  // A form is sent once: a second click on a slow line must not issue a second card.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post" || event.defaultPrevented || "download" in event.target.dataset) return;
    if (event.target.dataset.sent) { event.preventDefault(); return; }
    event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));

  document.querySelector("[data-focus]")?.focus();
})();
