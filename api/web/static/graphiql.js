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

const KEY = /"Bearer (zf_[a-z0-9]{12}_[A-Za-z0-9_-]{43})"/;

function Page() {
  const [key, setKey] = React.useState(null);
  // A new fetcher makes GraphiQL ask for the schema again; without a key it would only be refused.
  const fetcher = React.useMemo(
    () => GraphiQL.createFetcher({ url: window.location.pathname }),
    [key],
  );
  return React.createElement(GraphiQL, {
    fetcher,
    schema: key ? undefined : null,
    defaultQuery: WELCOME,
    defaultHeaders: '{\n  "Authorization": "Bearer "\n}',
    defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    onEditHeaders: (headers) => setKey((KEY.exec(headers) || [])[1] || null),
  });
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(React.createElement(Page));
