"use strict";
// Lamps follow the node's events; buttons send one request each.
const cards = () => {
  const chosen = document.querySelector("input[name=card]:checked");
  return { kind: chosen.dataset.kind, uid: chosen.dataset.uid };
};

async function act(node, request, said) {
  said.textContent = "";
  const answer = await fetch("/do", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ node, ...request }),
  });
  const result = await answer.json().catch(() => ({ error: answer.statusText }));
  if (result.error) said.textContent = result.error;
}

for (const section of document.querySelectorAll("[data-node]")) {
  const said = section.querySelector(".said");
  for (const button of section.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => {
      const request = JSON.parse(button.dataset.do);
      if ("card" in button.dataset) request.card = cards();
      act(section.dataset.node, request, said);
    });
  }
}

// Newest on top; what each line says comes from the centre, already in words.
function showRecent(rows) {
  const list = document.querySelector(".recent ol");
  list.replaceChildren(...rows.map((row) => {
    const line = document.createElement("li");
    line.className = row.result;
    for (const name of ["at", "door", "who", "word", "reason"]) {
      const part = document.createElement(name === "word" ? "b" : "span");
      part.textContent = row[name];
      line.append(part, " ");
    }
    return line;
  }));
  document.querySelector(".recent [data-none]").hidden = rows.length > 0;
}

function show(event) {
  if (event.event === "recent") {
    showRecent(event.rows);
    return;
  }
  const section = document.querySelector(`[data-node="${event.node}"]`);
  if (!section) return;
  if (event.event === "power") {
    const power = section.querySelector("[data-power]");
    power.textContent = event.on ? power.dataset.on : power.dataset.off;
    section.classList.toggle("off", !event.on);
  } else if (event.event === "switch") {
    const network = section.querySelector("[data-network]");
    network.textContent = event.network ? network.dataset.up : network.dataset.down;
    section.classList.toggle("cut", !event.network);
  } else if (event.event === "output" || event.event === "input") {
    const lamp = section.querySelector(`[data-line="${event.line}"]`);
    if (!lamp) return;
    const on = event.event === "output" ? event.on : event.active;
    lamp.classList.toggle("on", on);
    const state = lamp.querySelector("[data-state]");
    state.textContent = on ? state.dataset.on : state.dataset.off;
  }
}

const source = new EventSource("/events" + location.search);
source.onmessage = (message) => show(JSON.parse(message.data));
window.addEventListener("pagehide", () => source.close());
