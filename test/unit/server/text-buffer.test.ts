import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { sampleNumber } from '../../../src/server/prometheus-number.ts';
import { TextBuffer } from '../../../src/server/text-buffer.ts';

test('any text and any number are the bytes that UTF-8 has for them', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.double({ noNaN: true }),
    fc.integer(),
    fc.constantFrom(0, -0, 9, 10, 99, 100, -1, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53, Infinity, -Infinity),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const buffer = new TextBuffer();
      for (const one of pieces) {
        if (typeof one === 'string') buffer.text(one);
        else buffer.number(one);
      }
      const text = pieces.map((one) => (typeof one === 'string' ? one : sampleNumber(one))).join('');
      expect(buffer.length).toBe(Buffer.byteLength(text));
      expect(buffer.take().toString()).toBe(text);
      expect(buffer.length).toBe(0);
    }),
  );
});

test('what was written is written again', () => {
  const buffer = new TextBuffer();
  buffer.text('ab');
  const start = buffer.length;
  buffer.text('cdé');
  buffer.again(start, buffer.length);
  expect(buffer.take().toString()).toBe('abcdécdé');
});

test('a text that is larger than the memory gets its room, behind what is there', () => {
  const buffer = new TextBuffer();
  const large = 'é'.repeat(100_000);
  buffer.text('before ');
  expect(buffer.hasGrown).toBe(false);
  buffer.ensureRoom(3 * large.length);
  expect(buffer.hasGrown).toBe(true);
  buffer.text(large);
  expect(buffer.isFull).toBe(true);
  expect(buffer.take().toString()).toBe(`before ${large}`);
});
