import { AbortError } from '../output/errors.ts';
import { createS3Client } from '../s3/client.ts';
import { S3RequestError } from '../s3/errors.ts';
import type { BucketAccess } from '../session/bucket-access.ts';
import { deleteRemote } from './delete.ts';
import { storageEnding } from './endings.ts';
import type { BisyncOptions } from './options.ts';
import { PathProblem } from './problems.ts';
import { renewedAccess } from './renew-access.ts';
import type { RunContext } from './run-context.ts';
import { uploadFile } from './upload.ts';

type Access = Pick<BisyncOptions, 'access' | 'renewAccess'>;

/** The other side, which follows what was chosen or put back here. */
export class Bucket {
  readonly #run: RunContext;
  #access: BucketAccess;
  /** Taken away once it was used: another key is asked for once. */
  #renew: Access['renewAccess'];

  constructor(run: RunContext, { access, renewAccess }: Access) {
    this.#run = run;
    this.#access = access;
    this.#renew = renewAccess;
  }

  /** New content first, then what is gone. False when it has to wait for the next run. */
  async follow(changed: string | null, gone: string | null): Promise<boolean> {
    try {
      return await this.#follow(changed, gone);
    } catch (error) {
      this.#run.signal?.throwIfAborted();
      if (error instanceof S3RequestError) {
        return (await this.#takeAnotherKey(error)) && this.follow(changed, gone);
      }
      if (error instanceof PathProblem) return false;
      throw error;
    }
  }

  async #follow(changed: string | null, gone: string | null): Promise<boolean> {
    const run = this.#run;
    if (changed !== null) {
      const outcome = await uploadFile(run, changed, run.baseline.get(changed) ?? null);
      if (outcome !== 'written') return false;
    }
    if (gone === null) return true;
    const agreed = run.baseline.get(gone);
    return agreed === undefined || (await deleteRemote(run, gone, agreed)) === 'deleted';
  }

  async #takeAnotherKey(failure: S3RequestError): Promise<boolean> {
    const { remedy, error } = storageEnding(failure);
    const renew = this.#renew;
    if (remedy !== 'renew-access' || renew === undefined) return false;
    this.#renew = undefined;
    try {
      this.#access = await renewedAccess(this.#access, error, renew);
    } catch (refusal) {
      // The next run says why; what was chosen holds.
      if (refusal instanceof AbortError) return false;
      throw refusal;
    }
    this.#run.s3.close();
    this.#run.s3 = createS3Client(this.#access);
    return true;
  }
}
