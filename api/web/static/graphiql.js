// GraphiQL on our own endpoint. The API key goes into the Headers tab and is not kept: it is gone
// when the page is.
"use strict";

const WELCOME = `# Put an API key into the Headers tab below:
#
#     {"Authorization": "Bearer zf_..."}
#
# then run a query with Ctrl-Enter. A merchant's key sees that merchant, an auditor's everything.

{
  ledger {
    position
    recordedAt
    hash
  }
}
`;

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: GraphiQL.createFetcher({ url: window.location.pathname }),
    defaultQuery: WELCOME,
    defaultHeaders: '{\n  "Authorization": "Bearer "\n}',
    defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
  }),
);
