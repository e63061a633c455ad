import { loadPipelineFiles } from '../config/pipelines-file.ts';
import { createDefaultRegistry } from '../connectors/registry.ts';
import { DataflowError, type Problem } from '../errors.ts';
import { EXIT } from './failure.ts';
import type { GlobalOptions } from './global-options.ts';
import { assertMeasurable } from './measurable.ts';
import { readConfig } from './settings.ts';
import type { Terminal } from './terminal.ts';

/** Loads the files as `run` would, and runs nothing. Problems of the configuration and of the files are told together. */
export async function checkPipelines(
  files: readonly string[],
  globals: GlobalOptions,
  terminal: Terminal,
): Promise<number> {
  const [config, pipelines] = await Promise.allSettled([readConfig(globals), loadFiles(files)]);
  const failures = [config, pipelines].flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) {
    const problems = failures.flatMap((failure) => (failure as { problems?: readonly Problem[] }).problems ?? []);
    throw new DataflowError('DATAFLOW_ERR_CONFIG_INVALID', failures.map(String).join('; '), { problems });
  }
  if (config.status === 'fulfilled' && pipelines.status === 'fulfilled') {
    assertMeasurable(pipelines.value, config.value);
    for (const { definition, file } of pipelines.value) {
      const { source, transforms, sink } = definition.config;
      const steps = [source, ...transforms, sink].map(({ type }) => type).join(' → ');
      terminal.out(`ok  ${definition.id}  ${steps}  (${file})\n`);
    }
  }
  return EXIT.done;
}

/** The pipelines of the files, connectors checked. */
export function loadFiles(files: readonly string[]) {
  const registry = createDefaultRegistry();
  return loadPipelineFiles(files, { validateConnectors: (config) => registry.validate(config) });
}
