const test = require('node:test');
const assert = require('node:assert/strict');
const { evaluate } = require('./spdx.js');

const allowed = new Set(['MIT', 'Zlib', 'Apache-2.0 WITH LLVM-exception']);

for (const [expression, met] of [
  ['MIT', true],
  ['GPL-3.0', false],
  ['MIT OR GPL-3.0', true],
  ['MIT AND GPL-3.0', false],
  ['MIT AND Zlib', true],
  ['GPL-3.0 AND MIT OR Zlib', true],
  ['GPL-3.0 AND (MIT OR Zlib)', false],
  ['(GPL-3.0 OR MIT) AND Zlib', true],
  ['Zlib OR GPL-3.0 AND Nothing', true],
  ['Apache-2.0 WITH LLVM-exception', true],
  ['Apache-2.0', false],
  ['MIT WITH LLVM-exception', false],
  ['GPL-3.0/MIT', true],
]) {
  test(`${expression} is ${met ? 'met' : 'not met'}`, () => assert.equal(evaluate(expression, allowed), met));
}

for (const expression of ['', 'MIT OR', 'AND MIT', '(MIT', 'MIT)', 'MIT Zlib']) {
  test(`"${expression}" is refused`, () => assert.throws(() => evaluate(expression, allowed)));
}
