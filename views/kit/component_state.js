// Components written with React (Panel 1.9.4) keep a copy of each value, and an effect writes the copy
// back to the model after the browser has drawn it. A change from the server that comes before the
// effect has run, which takes long on a busy machine, is overwritten by the copy, here and on the
// server: a button stays disabled for good. And one between drawing and listening is not noticed.
// Mended in the text that Panel makes of its code, before the first component is made of it: what a
// component sets is written when it is set, and what the model says is looked at once more after
// listening has begun. See docs/upstream.md.
;(() => {
  const component = Bokeh.Models.get('panel.models.esm.ReactComponent')?.prototype
  if (!component?._render_code) return
  const listens = /react_proxy\.on\(prop, cb, true\)/
  const writes = /let initialized = React\.useRef\(false\)[\s\S]*?return \[value, setValue\]/
  const code = component._render_code
  /** @this {any} @returns {string} */
  component._render_code = function () {
    return code.call(this)
      .replace(listens, `$&
            if (!target.model.events.includes(resolvedProp)) cb()`)
      .replace(writes, `const [set] = React.useState(() => (next) => {
            if (target.model.events.includes(resolvedProp)) return setValue(next)
            const held = targetModel.attributes[resolvedProp]
            targetModel.setv({[resolvedProp]: typeof next === 'function' ? next(held) : next})
            setValue(() => targetModel.attributes[resolvedProp])
          })
          return [value, set]`)
  }
})()
