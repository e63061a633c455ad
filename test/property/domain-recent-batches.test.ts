import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type RecentBatch, RecentBatches } from '../../src/domain/recent-batches.ts';

type Model = readonly RecentBatch[];

function addToModel(model: Model, batch: RecentBatch): Model {
  return model.some(([id]) => id === batch[0]) ? model : [...model, batch].slice(-1000);
}

interface Version {
  readonly real: RecentBatches;
  readonly model: Model;
}

/** From which version to go on (0 = newest), at which id to begin, how many to add. */
const step = fc.tuple(fc.nat(4), fc.nat(2500), fc.oneof(fc.nat(3), fc.nat(700), fc.constant(1300)));

test('is a naive list of the last 1,000, from any version on, and no version ever changes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
      const versions: Version[] = [{ real: RecentBatches.empty(), model: [] }];
      for (const [back, from, count] of steps) {
        let { real, model } = versions[Math.max(0, versions.length - 1 - back)]!;
        for (let i = 0; i < count; i++) {
          const batch: RecentBatch = [`b${(from + i) % 2500}`, i, 0, versions.length];
          real = real.add(batch);
          model = addToModel(model, batch);
        }
        versions.push({ real, model });
      }
      for (const { real, model } of versions) {
        expect(real.size).toBe(model.length);
        expect(JSON.stringify(real)).toBe(JSON.stringify(model));
        const byId = new Map(model.map((batch) => [batch[0], batch]));
        for (let i = 0; i < 2500; i++) {
          if (real.find(`b${i}`) !== byId.get(`b${i}`)) expect(real.find(`b${i}`)).toEqual(byId.get(`b${i}`));
        }
        expect(RecentBatches.from(real.toArray()).toArray()).toEqual(real.toArray());
      }
    }),
    { numRuns: 60 },
  );
});
