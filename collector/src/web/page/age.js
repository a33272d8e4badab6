// Tells how old a copy is by the reader's own clock. Without it the absolute time says the same.
(() => {
  const age = document.getElementById("age");
  if (!age) return;
  const data = age.dataset;
  function tick() {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(data.asOf)) / 1000));
    const text =
      seconds < 60 ? seconds + data.second
        : seconds < 3600 ? Math.floor(seconds / 60) + data.minute
          : seconds < 172800 ? Math.floor(seconds / 3600) + data.hour
            : Math.floor(seconds / 86400) + data.day;
    age.textContent = " · " + text + " " + data.ago;
    age.hidden = false;
    document.getElementById("old").hidden = seconds < Number(data.oldAfter);
  }
  setInterval(tick, 1000);
  tick();
})();
