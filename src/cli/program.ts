import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { packageVersion } from '../platform/package-version.ts';
import { DEFAULT_JOB } from '../slo/generate.ts';
import { checkPipelines } from './check.ts';
import { type DoctorArguments, runDoctor } from './doctor.ts';
import { EXIT, printFailure } from './failure.ts';
import type { GlobalOptions } from './global-options.ts';
import { printEvents, printList, printState } from './inspect.ts';
import { addJournalCommands } from './journal-commands.ts';
import { printMetrics } from './metrics.ts';
import { type NodesOptions, printNodes } from './nodes.ts';
import { runPipelines } from './run.ts';
import { type GenerateOptions, generateSlo } from './slo.ts';
import { processTerminal, type Terminal } from './terminal.ts';

/**
 * Runs one command. The exit code: 0 done · 1 a pipeline or a check of `doctor` failed · 2 usage or configuration error · 130 interrupted.
 *
 * @param args without the interpreter and the script
 */
export async function runCommandLine(args: readonly string[], terminal: Terminal = processTerminal): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = new Command('dataflow')
    .description('Durable data pipelines that measure themselves.')
    .version(packageVersion())
    .option('-c, --config <file>', 'configuration file (default: config/dataflow.yaml, then dataflow.yaml)')
    .option('-j, --journal <directory>', 'directory of the embedded journal')
    .option('-v, --verbose', 'print stack traces')
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) });
  const globals = (): GlobalOptions => program.opts<GlobalOptions>();
  const finish = (code: number): void => {
    exitCode = code;
  };

  program
    .command('run')
    .description('run the pipelines of the files until every source has ended')
    .argument('<pipelines.yaml...>', 'files of pipelines')
    .option('--keep-serving', 'serve metrics until interrupted, also after every source has ended')
    .action(async (files: string[], options: { keepServing?: boolean }) => {
      finish(await runPipelines(files, { ...globals(), keepServing: options.keepServing === true }, terminal));
    });
  program
    .command('check')
    .description('validate configuration and pipelines; say every problem')
    .argument('<pipelines.yaml...>', 'files of pipelines')
    .action(async (files: string[]) => finish(await checkPipelines(files, globals(), terminal)));
  program
    .command('list')
    .description('the pipelines that the journal holds')
    .option('--json', 'one JSON object a line')
    .action(async (options: { json?: boolean }) => printList(globals(), options, terminal));
  program
    .command('state')
    .description('the state of a pipeline, as JSON')
    .argument('<id>', 'pipeline id')
    .action(async (id: string) => printState(id, globals(), terminal));
  program
    .command('events')
    .description('the events of a pipeline')
    .argument('<id>', 'pipeline id')
    .option('--from <sequence>', 'first sequence number', positiveInteger, 1)
    .option('--json', 'one JSON object a line')
    .action(async (id: string, options: { from: number; json?: boolean }) =>
      printEvents(id, globals(), options, terminal),
    );
  program
    .command('metrics')
    .description('every metric: instrument, kind, attributes, Prometheus series, meaning')
    .option('--json', 'one JSON object a line')
    .action((options: { json?: boolean }) => printMetrics(options, terminal));
  program
    .command('slo')
    .description('service-level objectives of pipelines')
    .command('generate')
    .description('write Prometheus rules, their tests and a Grafana dashboard for the objectives of the pipelines')
    .argument('<pipelines.yaml...>', 'files of pipelines')
    .requiredOption('--out <directory>', 'where to write')
    .option('--job <name>', 'job under which Prometheus scrapes the processes', DEFAULT_JOB)
    .option('--force', 'overwrite files that exist with another content')
    .action(async (files: string[], options: GenerateOptions) =>
      finish(await generateSlo(files, options, globals(), terminal)),
    );
  program
    .command('nodes')
    .description('the processes that share the pipelines of a PostgreSQL journal, and who owns which')
    .option('--json', 'one JSON object a line, with the ids of the pipelines')
    .action(async (options: NodesOptions) => printNodes(globals(), options, terminal));
  addJournalCommands(program, globals, terminal, finish);
  program
    .command('doctor')
    .description(
      'examine a running metrics endpoint, and what Prometheus makes of it; say what is wrong and the remedy',
    )
    .option('--url <url>', 'the endpoint (default: that of the configuration)')
    .option(
      '--user <name:password>',
      'for the endpoint, best as a reference to a variable (default: metrics.prometheus.auth)',
    )
    .option('--token <token>', 'for the endpoint, best as a reference to a variable (default: metrics.prometheus.auth)')
    .option('--prometheus <url>', 'the Prometheus that scrapes it, for instance http://localhost:9090')
    .option('--prometheus-user <name:password>', 'for Prometheus, best as a reference to a variable')
    .option('--prometheus-token <token>', 'for Prometheus, best as a reference to a variable')
    .option('--timeout <seconds>', 'for each request', positiveSeconds, 10)
    .option('--json', 'one JSON object a line')
    .action(async (options: DoctorArguments) => finish(await runDoctor(options, globals(), terminal)));
  for (const command of program.commands.flatMap((command) => [command, ...command.commands])) {
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) });
  }

  try {
    if (args.length === 0) {
      terminal.err(program.helpInformation());
      return EXIT.usage;
    }
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Help and version end the parse as an error of exit code 0; a usage error has been printed already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    printFailure(terminal, error, globals().verbose === true);
    return EXIT.usage;
  }
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected an integer of at least 1.');
  return value;
}

function positiveSeconds(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 3600)) throw new InvalidArgumentError('expected seconds, more than 0 and at most 3600.');
  return value;
}
