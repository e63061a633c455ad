/** The database driver is an optional peer: it is loaded here, when a journal is opened, and nowhere else. */
import type * as Pg from 'pg';
import { codeOf, DataflowError } from '../../errors.ts';

export type Client = Pg.PoolClient;
export type Pool = Pg.Pool;
export type PoolConfig = Pg.PoolConfig;

export interface Driver {
  readonly Pool: new (config: PoolConfig) => Pool;
}

/** @throws DATAFLOW_ERR_JOURNAL_DRIVER_MISSING */
export async function loadDriver(): Promise<Driver> {
  try {
    return (await import('pg')).default;
  } catch (error) {
    if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new DataflowError(
      'DATAFLOW_ERR_JOURNAL_DRIVER_MISSING',
      'The PostgreSQL journal needs the package pg, which is not installed; run `npm i pg`',
    );
  }
}
