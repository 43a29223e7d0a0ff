/** How much a cell may print before the rest is shown in part: a notebook with a million lines freezes its browser. */

export interface StreamPiece {
  name: "stdout" | "stderr";
  text: string;
}

export interface OutputLimitOptions {
  /**
   * Characters shown whole; 1,000,000. Jupyter's server passes on 1 MB a second for 3 s and then drops whole messages, so that even
   * with three bytes a character nothing of this is lost.
   */
  headLength?: number;
  /** Lines shown whole; 100,000. */
  headLines?: number;
  /** Characters of the end that are kept back and shown after the cell; 50,000. */
  tailLength?: number;
}

/** One cell's. What it prints is shown until there is too much of it, then kept back; of that the newest part is shown now and then. */
export class OutputLimit {
  readonly #headLength: number;
  readonly #tailLength: number;
  #length = 0;
  #linesLeft: number;
  #held: StreamPiece[] = [];
  #heldLength = 0;
  #dropped = { lines: 0, length: 0 };

  constructor({ headLength = 1_000_000, headLines = 100_000, tailLength = 50_000 }: OutputLimitOptions = {}) {
    this.#headLength = headLength;
    this.#linesLeft = headLines;
    this.#tailLength = tailLength;
  }

  /** Characters shown so far. */
  get length(): number {
    return this.#length;
  }

  get isHolding(): boolean {
    return this.#held.length > 0;
  }

  /** The part of the text that is to be shown at once; empty for none. */
  admit({ name, text }: StreamPiece): string {
    const shown = this.#headOf(text);
    this.#length += shown;
    if (shown < text.length) this.#hold({ name, text: text.slice(shown) });
    return text.slice(0, shown);
  }

  /** What is shown of the held text: a note of what is left out, then its last lines, of at most `length` characters. */
  release(length = this.#tailLength): StreamPiece[] {
    this.#trim(length);
    const { lines, length: characters } = this.#dropped;
    const held = this.#held;
    this.#held = [];
    this.#heldLength = 0;
    this.#dropped = { lines: 0, length: 0 };
    if (characters === 0) return held;
    const count = (n: number) => n.toLocaleString("en");
    const text = `\n… ${count(lines)} lines (${count(characters)} characters) not shown; do: print less often, or write to a file …\n`;
    return [{ name: held[0]?.name ?? "stdout", text }, ...held];
  }

  /** Length of the part that is still within the limits: whole lines where possible, never half a character. */
  #headOf(text: string): number {
    const room = this.#headLength - this.#length;
    let end = 0;
    for (; this.#linesLeft > 0; this.#linesLeft -= 1) {
      const newline = text.indexOf("\n", end);
      if (newline === -1) {
        if (text.length <= room) return text.length;
        break;
      }
      if (newline + 1 > room) break;
      end = newline + 1;
    }
    // One endless line is cut; after that the head is full.
    if (end === 0 && this.#linesLeft > 0) end = wholeCharacters(text, Math.max(0, room));
    this.#linesLeft = 0;
    return end;
  }

  #hold(piece: StreamPiece): void {
    this.#held.push(piece);
    this.#heldLength += piece.text.length;
    // Twice as much before it is trimmed: each character is moved once, not at every print.
    if (this.#heldLength > 2 * this.#tailLength) this.#trim(this.#tailLength);
  }

  /** Leaves the last lines of the held text. */
  #trim(length: number): void {
    let excess = this.#heldLength - length;
    let gone = 0;
    for (; excess > 0 && gone < this.#held.length; gone += 1) {
      const { text } = this.#held[gone];
      if (text.length > excess) break;
      excess -= text.length;
      this.#drop(text);
    }
    this.#held.splice(0, gone);
    if (excess <= 0 || this.#held.length === 0) return;
    const [{ name, text }] = this.#held;
    const newline = text.indexOf("\n", excess - 1);
    const cut = newline === -1 ? text.length - wholeCharacters(text, text.length - excess) : newline + 1;
    this.#drop(text.slice(0, cut));
    if (cut === text.length) this.#held.shift();
    else this.#held[0] = { name, text: text.slice(cut) };
  }

  #drop(text: string): void {
    this.#dropped.length += text.length;
    for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) this.#dropped.lines += 1;
    this.#heldLength -= text.length;
  }
}

/** `length`, or one less if a character of two units would be cut. */
function wholeCharacters(text: string, length: number): number {
  const isCut = length > 0 && length < text.length && (text.codePointAt(length - 1) as number) > 0xffff;
  return isCut ? length - 1 : length;
}
