//! libnftnl, the library under `nft`, loaded where it is installed: nothing is linked, and nothing needs its headers.

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

use crate::report::Outcome;

type Alloc = unsafe extern "C" fn() -> *mut c_void;
type Parse = unsafe extern "C" fn(*const c_void, *mut c_void) -> c_int;
type Free = unsafe extern "C" fn(*const c_void);

/// A decoder of one kind of message.
#[derive(Clone, Copy)]
pub struct Library {
    alloc: Alloc,
    parse: Parse,
    free: Free,
}

impl Library {
    /// Of rules.
    pub fn rules() -> Outcome<Self> {
        Self::load(c"nftnl_rule_alloc", c"nftnl_rule_nlmsg_parse", c"nftnl_rule_free")
    }

    /// Of a set's elements, which come as a set.
    pub fn elements() -> Outcome<Self> {
        Self::load(c"nftnl_set_alloc", c"nftnl_set_elems_nlmsg_parse", c"nftnl_set_free")
    }

    fn load(alloc: &CStr, parse: &CStr, free: &CStr) -> Outcome<Self> {
        // SAFETY: the name ends with a NUL; the library has no constructor that asks for more.
        let library = unsafe { libc::dlopen(c"libnftnl.so.11".as_ptr(), libc::RTLD_NOW) };
        let library = NonNull::new(library).ok_or("libnftnl.so.11 is not installed")?;
        let find = |name: &CStr| {
            // SAFETY: the handle is open and is never closed, and the name ends with a NUL.
            let symbol = unsafe { libc::dlsym(library.as_ptr(), name.as_ptr()) };
            NonNull::new(symbol).ok_or_else(|| format!("libnftnl has no {}", name.to_string_lossy()))
        };
        let (alloc, parse, free) = (find(alloc)?, find(parse)?, find(free)?);
        // SAFETY: these are the functions' types in <libnftnl/rule.h> and <libnftnl/set.h>.
        Ok(unsafe {
            Self {
                alloc: std::mem::transmute::<*mut c_void, Alloc>(alloc.as_ptr()),
                parse: std::mem::transmute::<*mut c_void, Parse>(parse.as_ptr()),
                free: std::mem::transmute::<*mut c_void, Free>(free.as_ptr()),
            }
        })
    }

    /// Decodes a message, its header included, and gives up what came of it. Whether it could.
    pub fn decode(&self, message: &[u8]) -> bool {
        // SAFETY: no argument; null is out of memory.
        let Some(object) = NonNull::new(unsafe { (self.alloc)() }) else { return false };
        // SAFETY: the message is whole, aligned to four bytes within its datagram, and its length field is true; the
        // object was just made, and is freed once.
        unsafe {
            let parsed = (self.parse)(message.as_ptr().cast(), object.as_ptr());
            (self.free)(object.as_ptr());
            parsed >= 0
        }
    }
}
