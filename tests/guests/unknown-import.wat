;; A component that imports what no host provides, so that the host can say which.
(component
  (import "example:missing/interface@1.2.3" (instance
    (export "call" (func))
  ))
  (import "example:absent/other@0.1.0" (instance
    (export "call" (func (result u32)))
  ))
)
