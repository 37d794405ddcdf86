// The OpenAPI document of this server, to read and to try: Authorize takes an API key, which is gone
// when the page is.
"use strict";

SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
