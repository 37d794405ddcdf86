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

// GraphiQL's own question about the schema comes without a document.
const listens = (query, options) =>
  (options?.documentAST?.definitions ?? []).some(
    (one) =>
      one.operation === "subscription" &&
      (!query.operationName || one.name?.value === query.operationName),
  );

// A subscription: what each event of the stream says, until the page has enough or it is complete.
function listened(query, headers) {
  const enough = new AbortController();
  async function* events() {
    const answer = await fetch(window.location.pathname, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify(query),
      signal: enough.signal,
    });
    if (!answer.ok) {
      yield await answer.json();
      return;
    }
    const decoder = new TextDecoder();
    const reader = answer.body.getReader();
    let text = "";
    for (let got = await reader.read(); !got.done; got = await reader.read()) {
      const blocks = (text + decoder.decode(got.value, { stream: true })).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const data = /^data: (.+)$/m.exec(block);
        if (data) yield JSON.parse(data[1]);
      }
    }
  }
  const found = events();
  return {
    [Symbol.asyncIterator]: () => ({
      next: () =>
        found.next().catch((error) => {
          if (enough.signal.aborted) return { done: true, value: undefined };
          throw error;
        }),
      return: async () => {
        enough.abort();
        return { done: true, value: undefined };
      },
    }),
  };
}

function Page() {
  const [key, setKey] = React.useState(null);
  // A new fetcher makes GraphiQL ask for the schema again; without a key it would only be refused.
  const fetcher = React.useMemo(() => {
    const asked = GraphiQL.createFetcher({ url: window.location.pathname });
    return (query, options) =>
      listens(query, options) ? listened(query, options?.headers) : asked(query, options);
  }, [key]);
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
