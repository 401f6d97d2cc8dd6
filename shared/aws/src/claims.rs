//! Who works on an attempt: conditional writes on the attempt's own item.
