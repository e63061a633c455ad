/** One batch event: `metrics-record.mjs <library> <pipelines> <events>`. Prints { nanoseconds } of CPU an event. */
import { LIBRARIES } from './metrics-libraries.mjs';

const [library, pipelinesText, eventsText] = process.argv.slice(2);
const pipelines = Number(pipelinesText);
const events = Number(eventsText);
const { event } = await LIBRARIES[library](pipelines);
// Counted on rather than divided: two remainders would cost as much as half of what is measured.
const run = (count) => {
  for (let left = count, pipeline = 0, amount = 0; left > 0; left--) {
    event(pipeline, amount);
    if (++pipeline === pipelines) pipeline = 0;
    if (++amount === 9973) amount = 0;
  }
};
// The series exist and the code is compiled before the clock starts.
run(Math.max(pipelines, Math.ceil(events / 2)));
const before = process.cpuUsage();
run(events);
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ nanoseconds: ((user + system) * 1000) / events }));
