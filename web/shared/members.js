// The members of forms and documents. Inputs and images hide them where they are named alike: after
// `<input name="submit">` a form cannot be sent.

/** Returns the members that the platform gives a form or a document, whatever names are in it. */
export const members = (node) =>
  new Proxy(
    {},
    {
      get(_, key) {
        const value = Reflect.get(Object.getPrototypeOf(node), key, node);
        return typeof value === 'function' ? value.bind(node) : value;
      },
      set: (_, key, value) => Reflect.set(Object.getPrototypeOf(node), key, value, node),
    },
  );

export const page = members(document);

/** Makes an element with properties and content. */
export function h(tag, properties, ...children) {
  const element = Object.assign(page.createElement(tag), properties);
  element.append(...children);
  return element;
}
