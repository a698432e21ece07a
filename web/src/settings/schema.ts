/** What JSON has. */
export type Json = Scalar | Json[] | { [name: string]: Json }
export type Scalar = string | number | boolean | null

/** A JSON schema, as far as the server's settings use it. */
export interface Schema {
  type?: string
  enum?: Scalar[]
  const?: Scalar
  anyOf?: Schema[]
  $ref?: string
  $defs?: Record<string, Schema>
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  items?: Schema
  minimum?: number
  maximum?: number
  exclusiveMinimum?: number
  exclusiveMaximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  pattern?: string
  default?: Json
  description?: string
}

/** How a setting is changed; `shown` is one that can only be looked at here. */
export type Kind = 'switch' | 'choice' | 'number' | 'text' | 'secret' | 'list' | 'shown'

export interface Field {
  kind: Kind
  about: string
  /** What it may be; one of several where the schema names several. */
  arms: Schema[]
  /** Whether it may be left out altogether. */
  nullable: boolean
  choices: string[]
  usual: Json | undefined
}

/** The field of a setting such as `llm.temperature`; one that the schema does not know can be looked at. */
export function fieldOf(root: Schema, name: string, secret: boolean): Field {
  const schema = found(root, name) ?? {}
  const all = (schema.anyOf ?? [schema]).map((arm) => resolved(root, arm))
  const arms = all.filter(({ type }) => type !== 'null')
  const choices = arms.flatMap((arm) => arm.enum ?? (arm.const === undefined ? [] : [arm.const])).map(String)
  return {
    kind: secret ? 'secret' : kindOf(arms),
    about: schema.description ?? '',
    arms,
    nullable: arms.length < all.length,
    choices,
    usual: schema.default,
  }
}

function kindOf(arms: Schema[]): Kind {
  const [arm, ...others] = arms
  if (!arm) return 'shown'
  if (arms.every((each) => each.enum?.every((choice) => typeof choice === 'string') ?? false)) return 'choice'
  if (others.length) return arms.every(isScalar) ? 'text' : 'shown'
  switch (arm.type) {
    case 'boolean':
      return 'switch'
    case 'integer':
    case 'number':
      return 'number'
    case 'string':
      return 'text'
    case 'array':
      return arm.items?.type === 'string' ? 'list' : 'shown'
    default:
      return 'shown'
  }
}

function isScalar({ type }: Schema): boolean {
  return type === 'string' || type === 'number' || type === 'integer'
}

function found(root: Schema, name: string): Schema | undefined {
  let at: Schema | undefined = root
  for (const part of name.split('.')) {
    if (!at) return undefined
    const inside: Schema = resolved(root, at)
    const named = Object.entries(inside.patternProperties ?? {}).find(([pattern]) => new RegExp(pattern, 'u').test(part))
    at = inside.properties?.[part] ?? named?.[1]
  }
  return at
}

function resolved(root: Schema, schema: Schema): Schema {
  const name = schema.$ref?.replace('#/$defs/', '')
  return name === undefined ? schema : { ...root.$defs?.[name], ...schema }
}
