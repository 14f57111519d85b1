import type { CustomTypesConfig } from "pg";
import { unbindValue, type SqlOutput } from "../values.js";

/** Oids of pg_type. */
const BOOL = 16;
const BYTEA = 17;
const INT8 = 20;
const INT2 = 21;
const INT4 = 23;
const OID = 26;
const FLOAT4 = 700;
const FLOAT8 = 701;
const NUMERIC = 1700;

/** Columns as SQLite gives them: see {@link SqlOutput}. What SUM makes of integers (NUMERIC) is one again. */
function parse(oid: number, text: string): SqlOutput {
  switch (oid) {
    case BOOL:
      return text === "t" ? 1 : 0;
    case BYTEA:
      return Uint8Array.from(Buffer.from(text.slice(2), "hex"));
    case INT2:
    case INT4:
    case INT8:
    case OID:
      return unbindValue(BigInt(text));
    case FLOAT4:
    case FLOAT8:
      return Number(text);
    case NUMERIC:
      return /^-?\d+$/.test(text) ? unbindValue(BigInt(text)) : Number(text);
    default:
      return text;
  }
}

export const COLUMN_TYPES: CustomTypesConfig = {
  getTypeParser: (oid) => (text: string | Buffer) => parse(oid, String(text)),
};
