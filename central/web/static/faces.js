"use strict";
// The editor of card faces and forms: draws the preview again after each change, and puts a handle on each box.
for (const form of document.querySelectorAll("form[data-boxes]")) {
  const stage = form.querySelector("[data-stage]"), picture = stage.querySelector("img[data-drawn]"), problem = form.querySelector("[data-stage-error]");
  const rows = [...form.querySelectorAll("tr[data-box]")];
  let widthUm = Number(stage.dataset.widthUm), heightUm = Number(stage.dataset.heightUm);
  const STEP_UM = 500, LONG_STEP_UM = 5000, WAIT_MS = 250;
  let timer = 0;

  const field = (row, name) => form.elements[`${row.dataset.box}.${name}`];
  const lengthUm = (row, name) => Math.round(Number(field(row, name).value) * 1000) || 0;
  const write = (row, name, um, most) => { field(row, name).value = String(Math.min(Math.max(0, Math.round(um / 100) * 100), most) / 1000); };

  function address() {
    const sent = new URLSearchParams();
    for (const row of rows) {
      if (!field(row, "shown").checked) continue;
      for (const control of row.querySelectorAll("[name]")) sent.append(control.name, control.value);
    }
    for (const name of ["side", "script", "picture", "width", "height"]) if (form.elements[name]) sent.append(name, form.elements[name].value);
    return `${stage.dataset.preview}?${sent}`;
  }

  function draw() { clearTimeout(timer); timer = setTimeout(() => { picture.src = address(); }, WAIT_MS); }
  picture.addEventListener("load", () => { picture.hidden = false; problem.hidden = true; });
  picture.addEventListener("error", () => { problem.hidden = false; });

  const handles = new Map(rows.map((row) => {
    const handle = document.createElement("button");
    handle.type = "button"; handle.className = "handle"; handle.title = row.dataset.title;
    handle.setAttribute("aria-label", row.dataset.title);
    stage.append(handle);
    handle.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const step = event.shiftKey ? LONG_STEP_UM : STEP_UM;
      move(row, lengthUm(row, "x") + way[0] * step, lengthUm(row, "y") + way[1] * step);
    });
    let grip = null;
    handle.addEventListener("pointerdown", (event) => {
      handle.setPointerCapture(event.pointerId);
      grip = [event.clientX, event.clientY, lengthUm(row, "x"), lengthUm(row, "y")];
    });
    handle.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const perPx = widthUm / stage.clientWidth;
      move(row, grip[2] + (event.clientX - grip[0]) * perPx, grip[3] + (event.clientY - grip[1]) * perPx);
    });
    for (const name of ["pointerup", "pointercancel"]) handle.addEventListener(name, () => { grip = null; });
    return [row, handle];
  }));

  function move(row, x, y) {
    write(row, "x", x, widthUm - lengthUm(row, "width"));
    write(row, "y", y, heightUm - lengthUm(row, "height"));
    place(); draw();
  }

  // The paper of a form has its size in fields of its own.
  function measure() {
    const typed = (name, before) => (form.elements[name] ? Math.round(Number(form.elements[name].value) * 1000) || before : before);
    widthUm = typed("width", widthUm); heightUm = typed("height", heightUm);
  }

  function place() {
    measure();
    for (const [row, handle] of handles) {
      handle.hidden = !field(row, "shown").checked || !lengthUm(row, "width") || !lengthUm(row, "height");
      const percent = { left: lengthUm(row, "x") / widthUm, top: lengthUm(row, "y") / heightUm, width: lengthUm(row, "width") / widthUm, height: lengthUm(row, "height") / heightUm };
      for (const [name, part] of Object.entries(percent)) handle.style[name] = `${part * 100}%`;
    }
  }

  // A box that is shown for the first time gets a place.
  form.addEventListener("change", (event) => {
    const row = event.target.closest("tr[data-box]");
    if (row && event.target.name.endsWith(".shown") && event.target.checked && !field(row, "width").value) {
      const isPicture = !field(row, "align");
      for (const [name, value] of Object.entries({ x: 4, y: 4, width: isPicture ? 25 : 40, height: isPicture ? 25 : 6 })) field(row, name).value = value;
    }
  });
  form.addEventListener("input", () => { place(); draw(); });
  form.addEventListener("change", () => { place(); draw(); });
  place();
}
