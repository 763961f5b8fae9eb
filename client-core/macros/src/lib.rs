//! `#[derive(Packed)]`: the MessagePack array of a struct's fields in their order, and what the reference
//! page says of them, from the doc comments.
//!
//! Serde's own derive costs 18 KB of machine code a kind in the page; this one composes small functions.

use proc_macro::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Expr, ExprLit, Fields, Lit, Meta, parse_macro_input};

/// Derives `crate::packed::Packed` for a struct with named fields.
#[proc_macro_derive(Packed)]
pub fn packed(item: TokenStream) -> TokenStream {
    let input = parse_macro_input!(item as DeriveInput);
    let named = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Some(&named.named),
            _ => None,
        },
        _ => None,
    };
    let Some(fields) = named else {
        let error = syn::Error::new(input.ident.span(), "Packed is for structs with named fields");
        return error.to_compile_error().into();
    };
    let (name, says, count) = (&input.ident, doc(&input.attrs), fields.len() as u32);
    let idents: Vec<_> = fields.iter().filter_map(|field| field.ident.as_ref()).collect();
    let types = fields.iter().map(|field| &field.ty);
    let docs = fields.iter().map(|field| doc(&field.attrs));
    let names = idents.iter().map(|ident| ident.to_string());
    quote! {
        impl crate::packed::Packed for #name {
            fn pack(&self, into: &mut Vec<u8>) {
                crate::packed::pack_list(#count, into);
                #(crate::packed::Packed::pack(&self.#idents, into);)*
            }

            fn unpack(from: &mut &[u8]) -> Result<Self, crate::packed::Malformed> {
                crate::packed::unpack_fields(#count, from)?;
                Ok(Self { #(#idents: crate::packed::Packed::unpack(from)?,)* })
            }

            fn shape() -> crate::packed::Shape {
                let says = #says;
                let fields = vec![#(crate::packed::Field {
                    name: #names,
                    says: #docs,
                    shape: <#types as crate::packed::Packed>::shape(),
                },)*];
                crate::packed::Shape::Fields { says, fields }
            }
        }
    }
    .into()
}

/// The doc comment, its lines joined.
fn doc(attributes: &[syn::Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}
