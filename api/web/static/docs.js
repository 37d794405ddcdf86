// The OpenAPI document of this server, to read and to try: Authorize takes an API key, which is gone
// when the page is.
//
// Every call gets an Idempotency-Key of its own: the example that the page fills in stands for "a new
// one", so that trying twice is two requests. A key that is typed in is sent as it is.
"use strict";

const EXAMPLE_KEY = "3f6c1c0a-retry-safe";

function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

function withFreshKey(request) {
  const name = Object.keys(request.headers).find((one) => one.toLowerCase() === "idempotency-key");
  if (name !== undefined && request.headers[name] === EXAMPLE_KEY) {
    request.headers[name] = freshKey();
  }
  return request;
}

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor: withFreshKey,
});
