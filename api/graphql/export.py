"""Prints the schema: `python -m api.graphql.export > docs/schema.graphql`."""

import sys

from api.graphql.schema import schema_text

if __name__ == "__main__":
    sys.stdout.write(schema_text())
