"use strict";
// Brings a base image in parts and shows how far it is; a part that does not arrive is sent again.
for (const form of document.querySelectorAll("form[data-bring]")) {
  const file = form.querySelector("input[type=file]"), bar = form.querySelector("progress"), button = form.querySelector("button");
  const said = form.querySelector("[data-said]"), problem = document.querySelector("[data-problem]");
  const token = form.elements.csrf.value, size = Number(form.dataset.partBytes), pauses = [1, 2, 5, 10, 20];
  const wait = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  async function send(path, body, type) {
    for (let tries = 0; ; tries += 1) {
      let answer = null;
      try {
        answer = await fetch(path, { method: "POST", body, headers: { "X-CSRF-Token": token, ...(type && { "Content-Type": type }) } });
      } catch { /* the line is broken */ }
      if (answer && answer.status < 500) {
        const found = await answer.json().catch(() => ({ problem: form.dataset.lost }));
        if (answer.ok) return found;
        throw new Error(found.problem || form.dataset.lost);
      }
      if (tries >= pauses.length) throw new Error(form.dataset.lost);
      said.textContent = form.dataset.again;
      await wait(pauses[tries]);
    }
  }

  async function bring(chosen) {
    const about = () => new URLSearchParams({ name: chosen.name, size: chosen.size });
    const begun = await send("/devices/bases/new", about());
    for (let at = 0; at < chosen.size; at += size) {
      await send(`/devices/bases/parts/${begun.token}?at=${at}`, chosen.slice(at, at + size), "application/octet-stream");
      bar.value = Math.min(1, (at + size) / chosen.size);
      said.textContent = `${Math.floor(bar.value * 100)} %`;
    }
    bar.removeAttribute("value");
    said.textContent = form.dataset.looking;
    location.href = (await send(`/devices/bases/finish/${begun.token}`, about())).to;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!file.files[0]) return;
    button.disabled = file.disabled = true;
    bar.hidden = false; bar.value = 0; problem.hidden = true;
    window.onbeforeunload = () => true;
    try { await bring(file.files[0]); } catch (error) {
      problem.hidden = false; problem.querySelector("p").textContent = error.message;
      bar.hidden = true; said.textContent = "";
    }
    window.onbeforeunload = null; button.disabled = file.disabled = false;
  });
}
