"use strict";
// The sound of a new alarm, made here: three short tones. Browsers let a page sound once somebody has clicked or typed in it.
(() => {
  const TONE_S = 0.18, PAUSE_S = 0.12, HERTZ = 880, LOUDNESS = 0.3;
  let context = null;

  window.soundAlarm = () => {
    context ??= new AudioContext();
    context.resume();
    for (let number = 0; number < 3; number++) {
      const tone = context.createOscillator(), volume = context.createGain();
      const at = context.currentTime + number * (TONE_S + PAUSE_S);
      tone.frequency.value = HERTZ;
      volume.gain.value = LOUDNESS;
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + TONE_S);
    }
  };

  document.addEventListener("click", (event) => { if (event.target.closest("[data-try-sound]")) soundAlarm(); });
})();
