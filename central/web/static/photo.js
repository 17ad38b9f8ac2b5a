"use strict";
// The photo page: shows how the photo is cropped, and takes one with the camera. The form works without it.
for (const form of document.querySelectorAll("form[data-photo]")) {
  const file = form.querySelector("input[type=file]"), canvas = form.querySelector("[data-crop]");
  const [zoom, across, down] = ["zoom", "across", "down"].map((name) => form.elements[name]);
  let picture = null;

  // The same sums as central/faces/images.py.
  function part() {
    const scale = Math.min(picture.width / 3, picture.height / 4) * 100 / zoom.value, wide = 3 * scale, high = 4 * scale;
    return [(picture.width - wide) * across.value / 100, (picture.height - high) * down.value / 100, wide, high];
  }

  function show() {
    for (const range of [zoom, across, down]) range.parentElement.querySelector("output").textContent = range.value;
    canvas.hidden = !picture;
    if (picture) canvas.getContext("2d").drawImage(picture, ...part(), 0, 0, canvas.width, canvas.height);
  }

  async function load() {
    picture = null;
    try { if (file.files[0]) picture = await createImageBitmap(file.files[0]); } catch { /* the server says what is wrong with it */ }
    show();
  }

  file.addEventListener("change", load);
  form.addEventListener("input", show);
  show();

  // Dragging the picture under the frame does what the sliders do.
  canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener("pointermove", (event) => {
    if (!picture || !canvas.hasPointerCapture(event.pointerId)) return;
    const [, , wide, high] = part();
    const move = (range, moved, size, whole, shown) => {
      if (whole - size > 1) range.value = Number(range.value) - moved * size / shown / (whole - size) * 100;
    };
    move(across, event.movementX, wide, picture.width, canvas.clientWidth);
    move(down, event.movementY, high, picture.height, canvas.clientHeight);
    show();
  });

  const camera = form.querySelector("[data-camera]"), live = form.querySelector("[data-camera-live]"), video = form.querySelector("video");
  const start = form.querySelector("[data-camera-start]"), refused = form.querySelector("[data-camera-refused]");
  camera.hidden = !navigator.mediaDevices?.getUserMedia;

  function stop() {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null; live.hidden = true; start.hidden = false;
  }

  start.addEventListener("click", async () => {
    refused.hidden = true;
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 960 } }, audio: false });
      await video.play();
      live.hidden = false; start.hidden = true;
      form.querySelector("[data-camera-take]").focus();
    } catch { stop(); refused.hidden = false; }
  });
  form.querySelector("[data-camera-stop]").addEventListener("click", stop);
  form.querySelector("[data-camera-take]").addEventListener("click", () => {
    const still = document.createElement("canvas");
    still.width = video.videoWidth; still.height = video.videoHeight;
    still.getContext("2d").drawImage(video, 0, 0);
    still.toBlob((blob) => {
      const chosen = new DataTransfer();
      chosen.items.add(new File([blob], "camera.jpg", { type: "image/jpeg" }));
      file.files = chosen.files;
      stop(); load();
    }, "image/jpeg", 0.95);
  });
  window.addEventListener("pagehide", stop);
}
