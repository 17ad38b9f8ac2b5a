"use strict";
// The editor of a patrol map: pins over the fields of the form. Whatever is done here can be typed there too.
for (const form of document.querySelectorAll("form[data-map]")) {
  const stage = form.querySelector("[data-map-stage]"), tools = form.querySelector("[data-map-tools]"), next = form.querySelector("[data-map-next]"), unsaved = form.querySelector("[data-map-unsaved]");
  const menu = document.getElementById("map-menu"), adding = document.getElementById("map-add"), free = adding.querySelector("select");
  const rows = [...form.querySelectorAll("tr[data-place]")];
  const STEP = 0.5, LONG_STEP = 5, DRAG_PX = 4, MIDDLE = [50, 50];
  let chosen = null, at = MIDDLE, opener = null, isChanged = false;

  const field = (row, axis) => form.elements[`${axis}.${row.dataset.place}`];
  const typed = (row, axis) => { const text = field(row, axis).value.trim(); return /^\d{1,3}(\.\d)?$/.test(text) && Number(text) <= 100 ? Number(text) : null; };
  const isPlaced = (row) => typed(row, "x") !== null && typed(row, "y") !== null;
  const within = (value) => String(Math.round(Math.min(Math.max(value, 0), 100) * 10) / 10);

  function put(row, x, y) { field(row, "x").value = within(x); field(row, "y").value = within(y); changed(); }
  function take(row) { field(row, "x").value = ""; field(row, "y").value = ""; if (chosen === row) choose(null); changed(); }
  function changed() { isChanged = true; unsaved.hidden = false; show(); }
  function choose(row) {
    chosen = row;
    for (const one of rows) { one.classList.toggle("chosen", one === row); pins.get(one).setAttribute("aria-pressed", String(one === row)); }
  }
  function point(event) { const box = stage.getBoundingClientRect(); return [(event.clientX - box.left) / box.width * 100, (event.clientY - box.top) / box.height * 100]; }

  const pins = new Map(rows.map((row) => {
    const pin = document.createElement("button"), number = document.createElement("b"), name = document.createElement("span");
    pin.type = "button"; pin.className = "map-pin"; pin.dataset.pin = row.dataset.place;
    number.textContent = row.dataset.number; name.textContent = row.dataset.name; pin.append(number, " ", name);
    stage.append(pin);
    let grip = null;
    pin.addEventListener("pointerdown", (event) => { if (event.button !== 0) return; pin.setPointerCapture(event.pointerId); grip = { from: [event.clientX, event.clientY], x: typed(row, "x"), y: typed(row, "y"), isMoving: false }; });
    pin.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const across = event.clientX - grip.from[0], down = event.clientY - grip.from[1];
      grip.isMoving ||= Math.hypot(across, down) >= DRAG_PX;
      if (grip.isMoving) put(row, grip.x + across / stage.clientWidth * 100, grip.y + down / stage.clientHeight * 100);
    });
    for (const end of ["pointerup", "pointercancel"]) pin.addEventListener(end, () => { grip = null; });
    pin.addEventListener("click", () => choose(row));
    pin.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key], step = event.shiftKey ? LONG_STEP : STEP;
      if (way) put(row, typed(row, "x") + way[0] * step, typed(row, "y") + way[1] * step);
      else if (event.key === "Delete") { take(row); opener = null; (form.querySelector("[data-pin]:not([hidden])") ?? next).focus(); }
      else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) openBeside(pin, row);
      else return;
      event.preventDefault();
    });
    return [row, pin];
  }));

  function show() {
    for (const [row, pin] of pins) {
      pin.hidden = !isPlaced(row);
      if (pin.hidden) continue;
      const x = typed(row, "x");
      pin.style.left = `${x}%`; pin.style.top = `${typed(row, "y")}%`;
      pin.classList.toggle("at-left", x < 15); pin.classList.toggle("at-right", x > 85);
    }
    const waiting = rows.filter((row) => !isPlaced(row)), before = next.value;
    for (const list of [next, free]) list.replaceChildren(...waiting.map((row) => new Option(`${row.dataset.number} ${row.dataset.name}`, row.dataset.place)));
    next.prepend(new Option(waiting.length ? next.dataset.none : next.dataset.all, ""));
    next.value = waiting.some((row) => row.dataset.place === before) ? before : "";
    stage.classList.toggle("placing", next.value !== "");
  }

  // By click: the chosen checkpoint, then the next one that is not on the map.
  stage.addEventListener("click", (event) => {
    if (event.target.closest("[data-pin]")) return;
    const row = rows.find((one) => one.dataset.place === next.value);
    if (!row) { choose(null); return; }
    const later = rows.slice(rows.indexOf(row) + 1).find((one) => !isPlaced(one)) ?? rows.find((one) => one !== row && !isPlaced(one));
    put(row, ...point(event)); choose(row);
    next.value = later?.dataset.place ?? "";
    stage.classList.toggle("placing", next.value !== "");
  });
  next.addEventListener("change", () => stage.classList.toggle("placing", next.value !== ""));

  // The menu: right click or a long touch on the map, the menu key on a checkpoint, or its button.
  const items = () => [...menu.children].filter((item) => !item.hidden);
  function open(x, y, row, from) {
    opener = from; choose(row);
    const [add, remove] = ["add", "take"].map((name) => menu.querySelector(`[data-menu=${name}]`));
    add.hidden = row !== null || free.options.length === 0; remove.hidden = row === null;
    if (row) remove.textContent = remove.dataset.text.replace("{name}", `${row.dataset.number} ${row.dataset.name}`);
    menu.hidden = false;
    menu.style.left = `${Math.max(4, Math.min(x, innerWidth - menu.offsetWidth - 4))}px`; menu.style.top = `${Math.max(4, Math.min(y, innerHeight - menu.offsetHeight - 4))}px`;
    items()[0].focus();
  }
  function openBeside(element, row) { const box = element.getBoundingClientRect(); open(box.left, box.bottom, row, element); }
  function close(isBack = true) { if (menu.hidden) return; menu.hidden = true; if (isBack) opener?.focus(); }
  stage.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    const pin = event.target.closest("[data-pin]");
    at = point(event);
    open(event.clientX, event.clientY, rows.find((row) => pins.get(row) === pin) ?? null, pin ?? tools.querySelector("[data-map-menu]"));
  });
  tools.querySelector("[data-map-menu]").addEventListener("click", (event) => { event.stopPropagation(); at = MIDDLE; openBeside(event.currentTarget, chosen); });
  menu.addEventListener("keydown", (event) => {
    const all = items(), now = all.indexOf(document.activeElement);
    const to = { ArrowDown: (now + 1) % all.length, ArrowUp: (now - 1 + all.length) % all.length, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) { event.preventDefault(); all[to].focus(); }
    if (event.key === "Escape" || event.key === "Tab") { event.preventDefault(); close(); }
  });
  menu.addEventListener("click", (event) => {
    const act = event.target.closest("[data-menu]")?.dataset.menu, row = chosen;
    if (!act) return;
    close(act === "take");
    if (act === "add") adding.showModal();
    if (act === "take" && row) take(row);
    if (act === "remove") document.getElementById("remove-map").showModal();
  });
  document.addEventListener("pointerdown", (event) => { if (!menu.contains(event.target)) close(false); });
  addEventListener("scroll", () => close(false), { passive: true });
  adding.querySelector("form").addEventListener("submit", () => {
    const row = rows.find((one) => one.dataset.place === free.value);
    if (row) { put(row, ...at); choose(row); pins.get(row).focus(); }
  });

  form.addEventListener("input", (event) => { if (event.target !== next) changed(); });
  form.addEventListener("submit", () => { isChanged = false; });
  addEventListener("beforeunload", (event) => { if (isChanged) event.preventDefault(); });
  form.querySelector("[data-map-marks]")?.remove();
  tools.hidden = false;
  show();
}
