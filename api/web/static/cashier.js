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
