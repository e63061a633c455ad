/** The compiler copies no files but its own: puts the SQL beside the code that reads it. */
import { cpSync } from 'node:fs';

const folder = (root) => new URL(`../${root}/journals/postgres/migrations/`, import.meta.url);
cpSync(folder('src'), folder('dist'), { recursive: true });
