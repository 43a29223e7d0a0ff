import assert from "node:assert/strict";
import { test } from "node:test";
import { packNumbers, unpackNumbers } from "./figure";
import { axisTitle, formatNumber, logTicks, plotlyAxis } from "./theme";

test("short arrays travel as rounded numbers and undefined values as null", () => {
  assert.deepEqual(packNumbers([1 / 3, Number.NaN, Number.NEGATIVE_INFINITY, 12345678]), [
    0.333333,
    null,
    null,
    12345700,
  ]);
});

test("long arrays travel packed and come back as float32, undefined values as NaN", () => {
  const values = Float64Array.from({ length: 3000 }, (_, i) => (i === 7 ? Number.POSITIVE_INFINITY : i / 7));
  const packed = packNumbers(values);
  assert.ok(!Array.isArray(packed));
  assert.ok(JSON.stringify(packed).length < 16100);
  const back = unpackNumbers(packed);
  assert.equal(back.length, 3000);
  assert.ok(Number.isNaN(back[7]));
  assert.equal(back[2999], Math.fround(2999 / 7));
});

test("an axis without a unit is refused", () => {
  assert.throws(() => axisTitle({ title: "loss", unit: " " }), /expected an axis with a title and a unit/);
});

test("a log axis takes its range in the values' own unit and refuses zero", () => {
  assert.deepEqual(
    plotlyAxis({ title: "L0", unit: "features", scale: "log", range: [1, 1000] }).range,
    [0, 3],
  );
  assert.throws(
    () => plotlyAxis({ title: "L0", unit: "features", scale: "log", range: [0, 1] }),
    /positive range/,
  );
});

test("log ticks are 1, 2, 5 over short ranges, whole decades over long ones, and few", () => {
  assert.deepEqual(
    logTicks({ scale: "log" }, [8, 128]).tickvals?.filter((v) => v >= 8 && v <= 128),
    [10, 20, 50, 100],
  );
  assert.deepEqual(logTicks({ scale: "log" }, [1e-4, 1], [0, Number.NaN]), { dtick: 1 });
  assert.deepEqual(logTicks({ scale: "log" }, [1e-12, 1]), { dtick: 2 });
  assert.deepEqual(logTicks({}, [1, 2]), {});
});

test("numbers for titles have three digits, separated thousands and powers of ten", () => {
  assert.deepEqual([0.12345, 65536, 2.5e-7, 0].map(formatNumber), [
    "0.123",
    "65,536",
    "2.5·10<sup>-7</sup>",
    "0",
  ]);
});
