/** Keeps an inline source map right when text is put into the lines that it maps. */

/** Replaces the text from `start` to `end`, within a line. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

const comment = "//# sourceMappingURL=data:application/json;";
const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const values = new Map([...digits].map((digit, value) => [digit, value]));

/**
 * @param changed the text after the edits, with the map of the text before
 * @param code the text before
 * @param edits in rising order
 */
export function shiftColumns(changed: string, code: string, edits: readonly Edit[]): string {
  const at = changed.lastIndexOf(comment);
  if (at === -1) return changed;
  const [, encoded] = changed.slice(at).split("base64,");
  const map = JSON.parse(Buffer.from(encoded, "base64").toString()) as { mappings: string };
  const editsOfLine = new Map<number, { column: number; by: number }[]>();
  let [line, lineStart] = [0, 0];
  for (const { start, end, text } of edits) {
    for (let next = code.indexOf("\n", lineStart); next !== -1 && next < start; ) {
      [line, lineStart] = [line + 1, next + 1];
      next = code.indexOf("\n", lineStart);
    }
    const shifts = editsOfLine.get(line) ?? [];
    shifts.push({ column: start - lineStart, by: text.length - (end - start) });
    editsOfLine.set(line, shifts);
  }
  const lines = map.mappings.split(";").map((mappings, number) => {
    const shifts = editsOfLine.get(number);
    return shifts ? shiftLine(mappings, shifts) : mappings;
  });
  const shifted = JSON.stringify({ ...map, mappings: lines.join(";") });
  return `${changed.slice(0, at)}${comment}base64,${Buffer.from(shifted).toString("base64")}`;
}

/** Each segment starts with its distance to the one before; what stands behind an edit moves. */
function shiftLine(mappings: string, shifts: readonly { column: number; by: number }[]): string {
  let [column, movedColumn] = [0, 0];
  return mappings
    .split(",")
    .filter((segment) => segment !== "")
    .map((segment) => {
      const [distance, length] = decode(segment);
      column += distance;
      const moved = shifts.reduce((sum, shift) => (shift.column <= column ? sum + shift.by : sum), column);
      const encoded = encode(moved - movedColumn);
      movedColumn = moved;
      return encoded + segment.slice(length);
    })
    .join(",");
}

/** The first base64 VLQ number of a segment, and its length in characters. */
function decode(segment: string): [value: number, length: number] {
  let [value, shift, length] = [0, 0, 0];
  for (;;) {
    const digit = values.get(segment[length]) ?? 0;
    length += 1;
    value += (digit & 31) << shift;
    if ((digit & 32) === 0) return [value & 1 ? -(value >> 1) : value >> 1, length];
    shift += 5;
  }
}

function encode(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = "";
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += digits[rest > 0 ? digit | 32 : digit];
  } while (rest > 0);
  return text;
}
