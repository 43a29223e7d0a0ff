import assert from "node:assert/strict";
import { after, test } from "node:test";
import { DISPLAY } from "./display";
import { guessCard } from "./guess-card";
import { stopPictures } from "./pictures";

after(stopPictures);

/** Left half red, right half blue. */
const halves = {
  width: 16,
  height: 16,
  data: Uint8Array.from({ length: 768 }, (_, i) => {
    const right = Math.floor(i / 3) % 16 >= 8;
    return i % 3 === (right ? 2 : 0) ? 255 : 0;
  }),
};

test("each choice opens to its verdict, the picture is blurred before, and names stay text", async () => {
  const card = guessCard({ picture: halves, choices: ["cat", "<b>dog</b>"], truth: 1, machine: 0, side: 16 });
  const bundle = await card[DISPLAY]();
  const html = String(bundle["text/html"]);
  assert.equal(html.match(/<details>/g)?.length, 2);
  assert.match(html, /<summary[^>]*>cat<\/summary>.*?No: it is <b>&lt;b&gt;dog&lt;\/b&gt;<\/b>/);
  assert.match(
    html,
    /<summary[^>]*>&lt;b&gt;dog&lt;\/b&gt;<\/summary>.*?Right\..*?machine guessed <b>cat<\/b>/s,
  );
  const [hidden, clear] = [...html.matchAll(/base64,([^"]+)/g)].map(([, bytes]) => bytes);
  assert.notEqual(hidden, clear);
  assert.throws(() => guessCard({ picture: halves, choices: ["a"], truth: 1 }), /one of 1 choices, got 1/);
});
