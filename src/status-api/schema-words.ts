/** The few words that every schema of the API is made of. */
import { Type, type TSchema } from 'typebox';

export const text = Type.String();
export const count = Type.Integer({ minimum: 0 });
/** Milliseconds, percents, rates: any number. */
export const number = Type.Number();
export const instant = Type.String({ format: 'date-time' });
export const orNull = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);
export const oneOf = (...words: string[]): TSchema => Type.Enum(words);
export const map = (schema: TSchema): TSchema => Type.Record(Type.String(), schema);
