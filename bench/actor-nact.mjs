/** The same commands through plain nact persistent actors: same rules, same journal, one persist an event. */
import nact from 'nact';
import { decide } from '../dist/domain/decide.js';
import { evolve } from '../dist/domain/evolve.js';
import { initialState } from '../dist/domain/state.js';
import { tagsOf } from '../dist/domain/tags.js';
import { createMemoryJournal } from '../dist/journals/memory.js';
import { CONFIG, driveAll } from './actor-load.mjs';

const [pipelines, events, outstanding] = process.argv.slice(2).map(Number);
const journal = createMemoryJournal();
const engine = {
  events: () => ({ reduce: async (_step, initial) => initial }),
  latestSnapshot: async () => undefined,
  takeSnapshot: async () => {},
  persist: ({ key, sequenceNumber, data, tags, createdAt }) =>
    journal.append(key, sequenceNumber - 1, [{ data, tags, timestamp: createdAt }]),
};
const system = nact.start(nact.configurePersistence(engine));

function spawn(id) {
  const reference = nact.spawnPersistent(
    system,
    async (state, message, context) => {
      if (context.recovering) return evolve(state, message);
      const decision = decide(state, message.command, {
        pipelineId: id,
        now: Date.now(),
        random: Math.random(),
        activeBatchOrphaned: false,
      });
      let next = state;
      for (const event of decision.events) {
        await context.persist(event, [...tagsOf(event, state.config)]);
        next = evolve(next, event);
      }
      message.resolve(next);
      return next;
    },
    id,
    id,
    { initialStateFunc: initialState },
  );
  return (command) => new Promise((resolve) => nact.dispatch(reference, { command, resolve }));
}

const actors = [];
for (let i = 0; i < pipelines; i++) {
  const send = spawn(`p${i}`);
  await send({ type: 'CreatePipeline', id: `p${i}`, name: `p${i}`, description: '', config: CONFIG });
  await send({ type: 'StartPipeline' });
  actors.push(send);
}
const eventsPerSecond = await driveAll(actors, events, outstanding, (send) => send({ type: 'UpdateCheckpoint' }));
console.log(JSON.stringify({ eventsPerSecond }));
process.exit(0);
