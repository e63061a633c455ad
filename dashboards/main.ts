/** Writes config/grafana/dashboards anew. Called by `npm run dashboards` in the root of the repository. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardFiles } from './index.ts';

const folder = join('config', 'grafana', 'dashboards');
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [name, content] of dashboardFiles()) writeFileSync(join(folder, name), content);
