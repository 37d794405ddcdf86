"use strict";

// A page that waits is told of changes by a stream. While that is heard of, the page does not ask.
{
  const SILENT_MS = 40_000; // The server says something every 15 seconds.
  let heardMs = -Infinity;

  const heard = () => {
    heardMs = performance.now();
  };
  const lost = () => {
    heardMs = -Infinity;
  };
  document.addEventListener("htmx:sse:before:message", heard);
  for (const event of ["before:connection", "error", "close"]) {
    document.addEventListener(`htmx:sse:${event}`, lost);
  }
  document.addEventListener("htmx:before:request", (event) => {
    const asks = event.target.id === "scene";
    if (asks && performance.now() - heardMs < SILENT_MS) {
      event.preventDefault();
    }
  });
}

// How long a choice may still be made. At the end the server says what has become of it.
{
  const endsMs = new WeakMap();

  const shown = (seconds) => {
    const two = (value) => String(value).padStart(2, "0");
    const hours = Math.floor(seconds / 3600);
    const rest = `${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
    return hours ? `${hours}:${rest}` : rest;
  };
  const tick = () => {
    for (const timer of document.querySelectorAll("[data-seconds]")) {
      const given = Number(timer.dataset.seconds);
      if (!endsMs.has(timer)) {
        endsMs.set(timer, performance.now() + given * 1_000);
      }
      const left = Math.ceil((endsMs.get(timer) - performance.now()) / 1_000);
      timer.textContent = left > 0 ? shown(left) : "";
      if (left <= 0 && given > 0) {
        location.reload();
        return; // Once: the page that comes has a time of its own, or none.
      }
    }
    setTimeout(tick, 1_000);
  };
  tick();
}
