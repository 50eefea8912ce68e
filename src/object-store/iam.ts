import type { AccessKey, AccessKeys } from './access-keys.ts';
import type { Clock } from '../platform/clock.ts';
import type { Database } from './database.ts';
import {
  checkedDocument,
  detailedKey,
  IamError,
  invalid,
  keyResult,
  noSuchEntity,
  noSuchKey,
  one,
  paged,
  paging,
  policyResult,
  required,
  type IamValue,
  type Page,
  type Parameters,
} from './iam-values.ts';
import { Policies, policyArn, policyName, type Policy } from './policies.ts';

export interface IamDependencies {
  database: Database;
  keys: AccessKeys;
  clock: Clock;
}

/**
 * The IAM actions that Tigris answers, with its two quirks: the `UserName` of CreateAccessKey is
 * only a label, and in every later call `UserName` is the access key id.
 */
export class Iam {
  readonly #database: Database;
  readonly #keys: AccessKeys;
  readonly #policies: Policies;
  readonly #clock: Clock;

  constructor({ database, keys, clock }: IamDependencies) {
    this.#database = database;
    this.#keys = keys;
    this.#clock = clock;
    this.#policies = new Policies(database);
  }

  readonly #actions: Record<
    string,
    ((parameters: Parameters) => Record<string, IamValue>) | undefined
  > = {
    CreateAccessKey: (p) => this.#createAccessKey(p),
    ListAccessKeys: (p) => this.#listAccessKeys(p),
    UpdateAccessKey: (p) => this.#updateAccessKey(p),
    DeleteAccessKey: (p) => this.#deleteAccessKey(p),
    RotateAccessKey: (p) => this.#rotateAccessKey(p),
    CreatePolicy: (p) => this.#createPolicy(p),
    UpdatePolicy: (p) => this.#updatePolicy(p),
    GetPolicy: (p) => ({ GetPolicyResult: { Policy: policyResult(this.#policy(p)) } }),
    GetPolicyDetailed: (p) => this.#getPolicyDetailed(p),
    GetPolicyVersion: (p) => this.#getPolicyVersion(p),
    ListPolicies: (p) => this.#listPolicies(p),
    DeletePolicy: (p) => this.#deletePolicy(p, false),
    ForceDeletePolicy: (p) => this.#deletePolicy(p, true),
    AttachUserPolicy: (p) => this.#attach(p),
    DetachUserPolicy: (p) => this.#detach(p),
    ListUserPolicies: (p) => this.#listUserPolicies(p),
    ListAttachedUserPolicies: (p) => this.#listAttachedUserPolicies(p),
    ListEntitiesForPolicy: (p) => this.#listEntitiesForPolicy(p),
  };

  /**
   * Carries out one action in a transaction.
   * @throws IamError with AWS's code; 501 for an action that Tigris does not have
   */
  async execute(action: string, parameters: Parameters): Promise<Record<string, IamValue>> {
    const run = this.#actions[action];
    if (run === undefined) {
      throw new IamError('NotImplemented', 501, `The action ${action} is not implemented.`);
    }
    return await this.#database.write(() => run(parameters));
  }

  #createAccessKey(parameters: Parameters): Record<string, IamValue> {
    const key = this.#keys.create(parameters.get('UserName') ?? '', this.#clock.now());
    return {
      CreateAccessKeyResult: { AccessKey: { ...keyResult(key), SecretAccessKey: key.secret } },
    };
  }

  #listAccessKeys(parameters: Parameters): Record<string, IamValue> {
    const only = parameters.get('UserName') ?? parameters.get('KeyId');
    const { after, limit } = paging(parameters);
    const found =
      only === undefined ? this.#keys.list(after, limit + 1) : one(this.#keys.find(only));
    const { items, ...page } = paged(found, limit, (key) => key.id);
    if (parameters.has('Detailed')) {
      return { Keys: items.map(detailedKey), Marker: '', ...page };
    }
    return { ListAccessKeysResult: { AccessKeyMetadata: items.map(keyResult), ...page } };
  }

  #updateAccessKey(parameters: Parameters): Record<string, IamValue> {
    const key = this.#ownKey(parameters);
    const status = required(parameters, 'Status');
    if (status !== 'Active' && status !== 'Inactive')
      throw invalid('Status must be Active or Inactive.');
    this.#keys.setStatus(key.id, status);
    return {};
  }

  #deleteAccessKey(parameters: Parameters): Record<string, IamValue> {
    this.#keys.remove(this.#ownKey(parameters).id);
    return {};
  }

  #rotateAccessKey(parameters: Parameters): Record<string, IamValue> {
    const { id } = this.#ownKey(parameters);
    return {
      status: 'success',
      rotate_access_key_result: { id, new_secret: this.#keys.rotate(id) },
    };
  }

  /** The key of `AccessKeyId`; a `UserName` beside it has to name the same key. */
  #ownKey(parameters: Parameters): AccessKey {
    const key = this.#key(required(parameters, 'AccessKeyId'));
    const user = parameters.get('UserName');
    if (user !== undefined && user !== key.id && user !== key.label) throw noSuchKey(user);
    return key;
  }

  #key(id: string): AccessKey {
    const key = this.#keys.find(id);
    if (key === undefined) throw noSuchKey(id);
    return key;
  }

  #policy(parameters: Parameters): Policy {
    const arn = required(parameters, 'PolicyArn');
    const name = policyName(arn);
    const policy = name === undefined ? undefined : this.#policies.find(name);
    if (policy === undefined)
      throw noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);
    return policy;
  }

  #createPolicy(parameters: Parameters): Record<string, IamValue> {
    const name = required(parameters, 'PolicyName');
    if (!/^[A-Za-z0-9+=,.@_-]{1,128}$/.test(name)) {
      throw invalid('PolicyName must be 1 to 128 of letters, digits and +=,.@_-');
    }
    const document = checkedDocument(required(parameters, 'PolicyDocument'));
    if (this.#policies.find(name) !== undefined) {
      throw new IamError('EntityAlreadyExists', 409, `A policy called ${name} already exists.`);
    }
    this.#policies.create(name, document, parameters.get('Description') ?? '', this.#clock.now());
    return { CreatePolicyResult: { Policy: policyResult(this.#reread(name)) } };
  }

  #updatePolicy(parameters: Parameters): Record<string, IamValue> {
    const { name, description } = this.#policy(parameters);
    const document = checkedDocument(required(parameters, 'PolicyDocument'));
    this.#keys.forget();
    const text = parameters.get('Description') ?? description;
    this.#policies.update(name, document, text, this.#clock.now());
    return { UpdatePolicyResult: { Policy: policyResult(this.#reread(name)) } };
  }

  #reread(name: string): Policy {
    const policy = this.#policies.find(name);
    if (policy === undefined) throw noSuchEntity(`Policy ${name} does not exist.`);
    return policy;
  }

  #getPolicyDetailed(parameters: Parameters): Record<string, IamValue> {
    const policy = this.#policy(parameters);
    const users = this.#policies.keysOf(policy.name, '', 1000).map((id) => ({
      UserId: id,
      UserName: this.#keys.find(id)?.label ?? id,
    }));
    return { PolicyDetailed: { ...policyResult(policy), Document: policy.document, Users: users } };
  }

  #getPolicyVersion(parameters: Parameters): Record<string, IamValue> {
    const policy = this.#policy(parameters);
    const version = required(parameters, 'VersionId');
    if (version !== `v${policy.version}`) throw noSuchEntity(`There is no version ${version}.`);
    return {
      GetPolicyVersionResult: {
        PolicyVersion: {
          VersionId: version,
          IsDefaultVersion: true,
          // As with AWS, percent-encoded (RFC 3986).
          Document: encodeURIComponent(policy.document),
          CreateDate: new Date(policy.updated).toISOString(),
        },
      },
    };
  }

  #listPolicies(parameters: Parameters): Record<string, IamValue> {
    const { after, limit } = paging(parameters);
    const found = this.#policies.list(after, limit + 1);
    const { items, ...page } = paged(found, limit, (policy) => policy.name);
    return { ListPoliciesResult: { Policies: items.map(policyResult), ...page } };
  }

  #deletePolicy(parameters: Parameters, force: boolean): Record<string, IamValue> {
    const policy = this.#policy(parameters);
    if (policy.attachments > 0 && !force) {
      throw new IamError('DeleteConflict', 409, 'Cannot delete a policy attached to entities.');
    }
    this.#keys.forget();
    this.#policies.detachAll(policy.name);
    this.#policies.remove(policy.name);
    return {};
  }

  #attach(parameters: Parameters): Record<string, IamValue> {
    const key = this.#key(required(parameters, 'UserName'));
    const policy = this.#policy(parameters);
    this.#keys.forget();
    this.#policies.attach(policy.name, key.id);
    return {};
  }

  #detach(parameters: Parameters): Record<string, IamValue> {
    const key = this.#key(required(parameters, 'UserName'));
    const policy = this.#policy(parameters);
    this.#keys.forget();
    if (!this.#policies.detach(policy.name, key.id)) {
      throw noSuchEntity(`Policy ${policy.name} is not attached to ${key.id}.`);
    }
    return {};
  }

  #listUserPolicies(parameters: Parameters): Record<string, IamValue> {
    const { items, ...page } = this.#policiesOfUser(parameters);
    return { ListUserPoliciesResult: { PolicyNames: items, ...page } };
  }

  #listAttachedUserPolicies(parameters: Parameters): Record<string, IamValue> {
    const { items, ...page } = this.#policiesOfUser(parameters);
    const attached = items.map((name) => ({ PolicyName: name, PolicyArn: policyArn(name) }));
    return { ListAttachedUserPoliciesResult: { AttachedPolicies: attached, ...page } };
  }

  #policiesOfUser(parameters: Parameters): Page<string> {
    const key = this.#key(required(parameters, 'UserName'));
    const { after, limit } = paging(parameters);
    return paged(this.#policies.attachedTo(key.id, after, limit + 1), limit, (name) => name);
  }

  #listEntitiesForPolicy(parameters: Parameters): Record<string, IamValue> {
    const policy = this.#policy(parameters);
    const { after, limit } = paging(parameters);
    const found = this.#policies.keysOf(policy.name, after, limit + 1);
    const { items, ...page } = paged(found, limit, (id) => id);
    return {
      ListEntitiesForPolicyResult: {
        PolicyUsers: items.map((id) => ({ UserName: id, UserId: id })),
        PolicyGroups: [],
        PolicyRoles: [],
        ...page,
      },
    };
  }
}
